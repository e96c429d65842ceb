import { decodeTensor } from "./decode";
import { dtypeBits } from "./dtype";
import type { ReadTensorRange } from "./readTensorRange";
import { elementCount, type Tensor } from "./tensor";

/**
 * Values `first` to `first + count` of a tensor in row-major order, as doubles. Of a dtype narrower than a byte `first`
 * must lie on one.
 * @throws RangeError where it does not, or the dtype has no values.
 */
export async function readValues(
  tensor: Tensor,
  first: number,
  count: number,
  read: ReadTensorRange,
  signal?: AbortSignal,
): Promise<Float64Array> {
  const bits = dtypeBits.get(tensor.dtype) ?? Number.NaN;
  const offset = (first * bits) / 8;
  if (!Number.isInteger(offset)) throw new RangeError(`Values of ${tensor.dtype} are no whole bytes.`);
  const bytes = await read(tensor, offset, Math.ceil((count * bits) / 8), signal);
  return decodeTensor(bytes, tensor.dtype, count);
}

export function readAllValues(
  tensor: Tensor,
  read: ReadTensorRange,
  signal?: AbortSignal,
): Promise<Float64Array> {
  return readValues(tensor, 0, elementCount(tensor.shape), read, signal);
}
