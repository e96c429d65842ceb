import type { TensorReader } from "../../checkpoint/tensorReader";
import { sameItems } from "../../lists/sameItems";
import type { ModelInside } from "../../optimizer/modelsInside";
import type { Problem } from "../../problem/problem";
import { formatCount } from "../../text/quantities";
import { quote } from "../../text/quote";
import type { HealthSubject } from "../healthSubject";

const averageName = /(?:^|[._])(?:ema|averaged?|avg|swa|shadow)(?:[._]|$)/i;

const maxBytes = 256 * 1024 * 1024;

/** A moving average that is its model bit by bit though steps were made: most differ in their first bytes. */
export async function equalAverage(
  { checkpoint, inside }: Pick<HealthSubject, "checkpoint" | "inside">,
  reader: TensorReader,
  signal?: AbortSignal,
): Promise<readonly Problem[]> {
  const models = inside?.models ?? [];
  const step = inside?.progress?.step ?? 0;
  const average = models.find(({ aside, path }) => aside === "copy" && averageName.test(path));
  if (average === undefined || step < 1) return [];
  const twin = models.find((one) => one.aside === undefined && isTwin(one, average));
  if (twin === undefined || !(await isEqual(twin, average, reader, signal))) return [];
  const message = `${quote(average.path)}, a moving average, is bit by bit what ${quote(twin.path)} is, at step ${formatCount(step)}: it was never updated, was just begun, or the file was saved while the average stood in the model's place. What goes on from it has lost one of the two.`;
  return [{ severity: "info", code: "AverageEqual", message, file: checkpoint.path }];
}

function isTwin(one: ModelInside, average: ModelInside): boolean {
  const bytes = average.tensors.reduce((sum, { tensor }) => sum + tensor.byteSize, 0);
  if (average.tensors.length === 0 || bytes > maxBytes || one.tensors.length !== average.tensors.length)
    return false;
  const byName = new Map(one.tensors.map(({ name, tensor }) => [name, tensor]));
  return average.tensors.every(({ name, tensor }) => {
    const other = byName.get(name);
    return other?.dtype === tensor.dtype && sameItems(tensor.shape, other.shape);
  });
}

async function isEqual(
  one: ModelInside,
  average: ModelInside,
  reader: TensorReader,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const byName = new Map(one.tensors.map(({ name, tensor }) => [name, tensor]));
  let hasValues = false;
  for (const { name, tensor } of average.tensors) {
    const other = byName.get(name);
    if (other === undefined || tensor.byteSize === 0) continue;
    const [a, b] = await Promise.all([reader.read(tensor, signal), reader.read(other, signal)]);
    if (a === undefined || !sameItems(a, b ?? [])) return false;
    hasValues ||= a.some((byte) => byte !== 0);
  }
  return hasValues;
}
