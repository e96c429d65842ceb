import type { ReadTensorRange } from "../tensors/readTensorRange";
import { elementCount, type Tensor } from "../tensors/tensor";
import { decodeValues } from "./decodeValues";
import { valueDtype } from "./valueDtype";

/** A multiple of 8, so that packed values begin on a byte. */
const chunkValues = 512 * 1024;

/**
 * The place of the first NaN or infinite value at or after `from`, both in row-major order; undefined where there
 * is none. Reads from there on.
 */
export async function findNotFinite(
  tensor: Tensor,
  from: number,
  read: ReadTensorRange,
  signal?: AbortSignal,
): Promise<number | undefined> {
  const how = valueDtype(tensor.dtype);
  if (how === undefined || how.kind === "integer" || how.kind === "bool") return undefined;
  const count = elementCount(tensor.shape);
  for (let first = from - (from % 8); first < count; first += chunkValues) {
    signal?.throwIfAborted();
    const values = Math.min(chunkValues, count - first);
    const length = Math.ceil((values * how.bitsPerValue) / 8);
    const bytes = await read(tensor, (first * how.bitsPerValue) / 8, length, signal);
    const decoded = decodeValues(bytes, tensor.dtype, values);
    const at = decoded.values.findIndex((value, index) => {
      if (first + index < from) return false;
      return !Number.isFinite(value) || !Number.isFinite(decoded.imaginary?.[index] ?? 0);
    });
    if (at >= 0) return first + at;
  }
  return undefined;
}

/** An index for every axis of a place in row-major order. */
export function indexesOfPlace(shape: readonly number[], place: number): number[] {
  const indexes = new Array<number>(shape.length);
  let rest = place;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const size = shape[axis] as number;
    indexes[axis] = rest % size;
    rest = Math.floor(rest / size);
  }
  return indexes;
}

export function placeOfIndexes(shape: readonly number[], indexes: readonly number[]): number {
  return shape.reduce((place, size, axis) => place * size + (indexes[axis] ?? 0), 0);
}
