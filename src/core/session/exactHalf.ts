import type { TensorStatistics } from "../analysis/statisticColumns";
import type { Problem } from "../problem/problem";
import type { ReadTensorRange } from "../tensors/readTensorRange";
import { readValues } from "../tensors/readValues";
import { elementCount, type Tensor } from "../tensors/tensor";
import { formatBytes, plural } from "../text/quantities";
import { holdsExactly } from "../values/holdsExactly";
import type { CheckpointSession } from "./checkpointSession";

/** Read once more, and only where nothing speaks against it: most models are known by their first values. */
const maxReadBytes = 16e9;

const pieceValues = 1 << 17;

type HalfDtype = "BF16" | "F16";

/**
 * Tells of a model that was saved in F32 though every value of it is one of BF16 or F16, as after training in those:
 * the cast loses nothing. Reads until neither is left. Says nothing where less than half of the bytes are F32, or where
 * not all of them could be looked at.
 * @param statisticsOf what a scan found in the tensor of an index, where it is sound.
 */
export async function exactHalf(
  session: CheckpointSession,
  statisticsOf: (index: number) => TensorStatistics | undefined,
  signal?: AbortSignal,
): Promise<readonly Problem[]> {
  const { tensors: all } = session.checkpoint;
  const scanned = all.map((tensor, index) => ({ tensor, statistics: statisticsOf(index) }));
  if (scanned.some(({ statistics }) => statistics === undefined)) return [];
  const states = new Set(
    (session.inside?.optimizers ?? []).flatMap(({ parameters }) =>
      parameters.flatMap(({ tensors }) => [...tensors.values()].map(({ name }) => name)),
    ),
  );
  const own = scanned.filter(({ tensor: { name, shape } }) => elementCount(shape) > 1 && !states.has(name));
  const floats = own.filter(({ tensor: { dtype } }) => dtype === "F32");
  const bytes = bytesOf(floats);
  if (bytes === 0 || bytes < bytesOf(own) / 2 || bytes > maxReadBytes) return [];
  // Fresh norms and factors that are zero are exact in every dtype.
  if (floats.every(({ statistics }) => statistics?.min === statistics?.max)) return [];
  const tensors = floats.map(({ tensor }) => tensor);
  const found = await session.withReader((reader) =>
    commonHalf(tensors, (...range) => reader.readRange(...range), signal),
  );
  if (found === undefined) return [];
  const which =
    tensors.length === 1 ? "The F32 tensor holds" : `All ${plural(tensors.length, "F32 tensor")} hold`;
  const message = `${which} only values that ${found} has too (every one was looked at): saved as ${found}, ${formatBytes(bytes)} become ${formatBytes(bytes / 2)}, and nothing is lost.`;
  return [{ severity: "info", code: "ExactlyHalf", message }];
}

function bytesOf(weights: readonly { readonly tensor: Tensor }[]): number {
  return weights.reduce((sum, { tensor }) => sum + tensor.byteSize, 0);
}

/** The dtype of 16 bits that holds every value; BF16, in which models are trained, where both do. */
async function commonHalf(
  tensors: readonly Tensor[],
  read: ReadTensorRange,
  signal: AbortSignal | undefined,
): Promise<HalfDtype | undefined> {
  let left: readonly HalfDtype[] = ["BF16", "F16"];
  const look = async (tensor: Tensor, first: number) => {
    signal?.throwIfAborted();
    const count = Math.min(pieceValues, elementCount(tensor.shape) - first);
    const values = await readValues(tensor, first, count, read, signal);
    left = left.filter((dtype) => holdsExactly(values, dtype));
  };
  // The first values of each before the rest of any: where one tensor is not exact, the others need not be read.
  for (const tensor of tensors) if (left.length > 0) await look(tensor, 0);
  for (const tensor of tensors) {
    const total = elementCount(tensor.shape);
    for (let first = pieceValues; first < total && left.length > 0; first += pieceValues)
      await look(tensor, first);
  }
  return left[0];
}
