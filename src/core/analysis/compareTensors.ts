import type { ReadTensorRange } from "../tensors/readTensorRange";
import { elementCount, type Tensor } from "../tensors/tensor";
import { channelEncoding } from "./channelEncoding";
import { encodingKey, encodingOf } from "./numberEncoding";
import type { NumberKernels } from "./numberKernels";
import { areComparable, bytesOfValues, type ComparedEncoding, TensorComparer } from "./tensorComparer";
import { finishDifference, type TensorDifference } from "./tensorDifference";

/**
 * Compares two tensors whose bytes come through `read`, in one pass; memory does not grow with their size.
 * `kernels` must not be used for anything else until it is done.
 * @returns undefined for tensors that have nothing to compare: of another number of elements, of dtypes without
 * numbers, a complex and a real one.
 */
export async function compareTensors(
  [a, b]: readonly [Tensor, Tensor],
  [readA, readB]: readonly [ReadTensorRange, ReadTensorRange],
  kernels: NumberKernels,
  signal?: AbortSignal,
): Promise<TensorDifference | undefined> {
  const count = elementCount(a.shape);
  if (count !== elementCount(b.shape) || !areComparable(a.dtype, b.dtype)) return undefined;
  const left = await comparedEncoding(a, readA);
  const right = await comparedEncoding(b, readB);
  if (left === undefined || right === undefined) return undefined;
  const values = a.dtype.startsWith("C") ? 2 * count : count;
  const comparer = new TensorComparer(kernels, left, right);
  const sides = [
    { tensor: a, read: readA, compared: left, chunk: kernels.chunk },
    { tensor: b, read: readB, compared: right, chunk: kernels.otherChunk },
  ];
  const step = comparer.stepOf(unpackedColumns([a, b]));
  let partial: ReturnType<TensorComparer["take"]>;
  try {
    for (let done = 0; done < values; done += step) {
      signal?.throwIfAborted();
      const chunkValues = Math.min(step, values - done);
      for (const { tensor, read, compared, chunk } of sides) {
        const { encoding, dtype } = compared;
        const offset = bytesOfValues(encoding, dtype, done);
        const end = bytesOfValues(encoding, dtype, done + chunkValues);
        const own = chunk.subarray(0, end - offset);
        // What is made of codes is made where it is compared.
        const spare = tensor.packed === undefined ? undefined : own;
        const bytes = await read(tensor, offset, end - offset, signal, spare);
        if (bytes.buffer !== own.buffer) own.set(bytes);
      }
      comparer.add(chunkValues);
    }
  } finally {
    // Whatever happened, what was counted must not reach the next tensor.
    partial = comparer.take();
  }
  return finishDifference(partial);
}

/** Values of a row of codes, which are unpacked whole: where a step ended within a row, that would be unpacked twice. */
export function unpackedColumns(tensors: readonly Pick<Tensor, "packed" | "shape">[]): number {
  return Math.max(1, ...tensors.map(({ packed, shape }) => (packed && shape.at(-1)) || 1));
}

async function comparedEncoding(
  tensor: Tensor,
  read: ReadTensorRange,
): Promise<ComparedEncoding | undefined> {
  const key = encodingKey(tensor);
  const encoding =
    key === undefined
      ? await channelEncoding(tensor, (part) => read(part, 0, part.byteSize))
      : encodingOf(key);
  return encoding && { dtype: tensor.dtype, encoding };
}
