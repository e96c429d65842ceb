import { type SeriesInside, seriesInside } from "../../../checkpoint/inside/seriesInside";
import { openCheckpoint } from "../../../checkpoint/openCheckpoint";
import { readScalars } from "../../../checkpoint/readScalars";
import { TensorReader } from "../../../checkpoint/tensorReader";
import type { FileContent } from "../../../formats/format";
import { plainNumber } from "../../../formats/torch/plainNumber";
import { CheckpointError } from "../../../problem/checkpointError";
import type { Problem } from "../../../problem/problem";
import { decodeTensor } from "../../../tensors/decode";
import { elementCount, type Tensor } from "../../../tensors/tensor";
import type { LogFormat, LogInput, LogReadOptions } from "../logFormat";
import { PointBatch } from "../pointBatch";
import { emptyReport } from "../wholeLog";

/** Each is a read of its own. */
const maxScalars = 5000;

/**
 * The histories that a hand-written training keeps in its checkpoint. No file is recognised as one by its first bytes:
 * whoever opened the checkpoint knows that it has some.
 */
export const insideCheckpointFormat: LogFormat = {
  id: "checkpoint",
  label: "history in the checkpoint",
  matches: () => false,
  read: async (input, from, options) => {
    const points = new PointBatch();
    const { problems, bytes } = await readHistories(input, points, options);
    return {
      ...emptyReport,
      problems,
      points,
      restarted: from !== undefined,
      purges: [],
      cursor: { offset: bytes },
      waiting: 0,
    };
  },
};

async function readHistories(
  { files, path }: LogInput,
  points: PointBatch,
  { signal }: LogReadOptions,
): Promise<{ problems: readonly Problem[]; bytes: number }> {
  try {
    const checkpoint = await openCheckpoint(files, path, signal);
    const { content } = checkpoint;
    const reader = new TensorReader(files, checkpoint);
    try {
      for (const series of content === undefined ? [] : seriesInside(content)) {
        add(points, series, await valuesOf(series, content as FileContent, reader, signal));
      }
    } finally {
      await reader.close();
    }
    return { problems: [], bytes: checkpoint.files.reduce((sum, file) => sum + file.bytes, 0) };
  } catch (error) {
    signal?.throwIfAborted();
    if (!(error instanceof CheckpointError)) throw error;
    return { problems: [error.toProblem()], bytes: 0 };
  }
}

/** Where nothing tells the step of a value, its number among the others does. */
function add(points: PointBatch, { path, epochs, steps }: SeriesInside, values: ArrayLike<number>): void {
  const column = points.column(path === "" ? "values" : path.replaceAll(".", "/"));
  for (let at = 0; at < values.length; at++) {
    const epoch = epochs?.[at] ?? Number.NaN;
    const step = steps?.[at] ?? epochs?.[at] ?? at + 1;
    column?.push(step, values[at] ?? Number.NaN, Number.NaN, epoch);
  }
}

async function valuesOf(
  { values, tensor }: SeriesInside,
  { tensors }: FileContent,
  reader: TensorReader,
  signal: AbortSignal | undefined,
): Promise<ArrayLike<number>> {
  if (tensor !== undefined) return readWhole(tensor, reader, signal);
  const wanted = values.flatMap((value): Tensor[] => {
    const found = tensors.get(value);
    return found === undefined ? [] : [found];
  });
  const numbers = await readScalars(reader, wanted.slice(0, maxScalars), signal);
  return values.map((value) => {
    const scalar = tensors.get(value);
    return plainNumber(value) ?? (scalar === undefined ? undefined : numbers.get(scalar)) ?? Number.NaN;
  });
}

async function readWhole(
  tensor: Tensor,
  reader: TensorReader,
  signal: AbortSignal | undefined,
): Promise<ArrayLike<number>> {
  const bytes = await reader.read(tensor, signal);
  return decodeTensor(bytes, tensor.dtype, elementCount(tensor.shape));
}
