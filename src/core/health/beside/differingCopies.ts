import type { Checkpoint } from "../../checkpoint/checkpoint";
import type { FolderContext } from "../../checkpoint/folderContext";
import type { OpenedFiles } from "../../checkpoint/openedFiles";
import { TensorReader } from "../../checkpoint/tensorReader";
import { spread } from "../../lists/spread";
import { modelIn } from "../../optimizer/modelParameters";
import { CheckpointError } from "../../problem/checkpointError";
import { isReadingError, type Problem } from "../../problem/problem";
import type { Tensor } from "../../tensors/tensor";
import { plural } from "../../text/quantities";
import { quote } from "../../text/quote";
import { copiesOf } from "../secondCopies";

/** Two saves of one training differ in nearly every tensor. */
const maxCompared = 32;

/** Of each, its first bytes. */
const comparedBytes = 8 * 1024;

/**
 * Whether the same weights under two names, of which loaders take one, hold the same: some values of tensors with the
 * same name, type and shape are compared. Nothing is told of files that cannot be read, which others tell.
 */
export async function differingCopies(
  opened: OpenedFiles,
  checkpoint: Checkpoint,
  folder: FolderContext,
  signal?: AbortSignal,
): Promise<readonly Problem[]> {
  const pair = copiesOf(checkpoint.name, folder);
  if (pair === undefined || checkpoint.problems.some(isReadingError)) return [];
  const { taken, left, library } = pair;
  const name = checkpoint.name === taken ? left : taken;
  const path = folder.files.find((file) => file.name === name)?.path;
  if (path === undefined) return [];
  try {
    const other = await opened.open(path, signal);
    if (other.problems.some(isReadingError)) return [];
    const twins = twinsIn(checkpoint, other);
    const differing = await findDiffering(opened, [checkpoint, other], twins, signal);
    const [first] = differing;
    if (first === undefined) return [];
    const message = `${taken} and ${left} hold other values: ${differing.length} of ${plural(twins.length, "tensor")} that were looked into differ, such as ${quote(first)}. They are of two moments, or of two models; ${library} takes ${taken}, and whoever names ${left} gets the other.`;
    return [{ severity: "warning", code: "CopiesDiffer", message, file: checkpoint.path }];
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof CheckpointError) return [];
    throw error;
  }
}

type Twins = readonly (readonly [Tensor, Tensor])[];

function twinsIn(one: Checkpoint, other: Checkpoint): Twins {
  const byName = new Map(modelIn(other).tensors.map((tensor) => [tensor.name, tensor]));
  const twins = one.tensors.flatMap((tensor) => {
    const twin = byName.get(tensor.name);
    const isAlike =
      twin?.dtype === tensor.dtype &&
      twin.byteSize === tensor.byteSize &&
      String(twin.shape) === String(tensor.shape);
    return twin !== undefined && isAlike ? [[tensor, twin] as const] : [];
  });
  return spread(twins, maxCompared);
}

async function findDiffering(
  { files }: OpenedFiles,
  [one, other]: readonly [Checkpoint, Checkpoint],
  twins: Twins,
  signal?: AbortSignal,
): Promise<readonly string[]> {
  const readers = [new TensorReader(files, one), new TensorReader(files, other)] as const;
  try {
    const differing: string[] = [];
    for (const [tensor, twin] of twins) {
      const length = Math.min(tensor.byteSize, comparedBytes);
      const a = await readers[0].readStart(tensor, length, signal);
      const b = await readers[1].readStart(twin, length, signal);
      if (a !== undefined && b !== undefined && a.some((byte, at) => byte !== b[at]))
        differing.push(tensor.name);
    }
    return differing;
  } finally {
    for (const reader of readers) await reader.close();
  }
}
