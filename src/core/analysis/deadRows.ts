import { elementCount, type Tensor } from "../tensors/tensor";
import { valueDtype } from "../values/valueDtype";
import type { TensorStatistics } from "./statisticColumns";

/** Bytes looked at at once. */
const chunkBytes = 4 * 1024 * 1024;

/** Whether rows of a matrix can be all zeros: only where it has as many zeros as a row has values. */
export function mayHaveDeadRows(
  { shape, dtype }: Pick<Tensor, "shape" | "dtype">,
  { zeros }: TensorStatistics,
): boolean {
  const [rows = 0] = shape;
  const bits = valueDtype(dtype)?.bitsPerValue ?? 0;
  const count = elementCount(shape);
  if (shape.length < 2 || rows < 2 || count === 0 || bits < 8 || !/^(BF|F)\d/.test(dtype)) return false;
  return zeros >= count / rows && zeros < count;
}

/** Counts rows (along the first axis) of nothing but zeros. `read` gives little-endian bytes of the tensor. */
export async function countDeadRows(
  { shape, byteSize }: Pick<Tensor, "shape" | "byteSize">,
  elementBytes: number,
  read: (offset: number, length: number) => Promise<Uint8Array>,
  signal?: AbortSignal,
): Promise<number> {
  const [rows = 0] = shape;
  const rowBytes = byteSize / rows;
  let dead = 0;
  let isDead = true;
  for (let offset = 0; offset < byteSize; offset += chunkBytes) {
    signal?.throwIfAborted();
    const bytes = await read(offset, Math.min(chunkBytes, byteSize - offset));
    let at = 0;
    while (at < bytes.length) {
      const rowEnd = rowBytes - ((offset + at) % rowBytes);
      const end = Math.min(bytes.length, at + rowEnd);
      // The first value of most rows is not zero, so most rows are done with at once.
      if (isDead) isDead = areZeros(bytes, at, end, elementBytes, offset);
      if ((offset + end) % rowBytes === 0) {
        if (isDead) dead++;
        isDead = true;
      }
      at = end;
    }
  }
  return dead;
}

/** A minus zero is zero too: a sign bit alone, in the last byte of a value. */
function areZeros(
  bytes: Uint8Array,
  from: number,
  to: number,
  elementBytes: number,
  offset: number,
): boolean {
  for (let at = from; at < to; at++) {
    const byte = bytes[at];
    if (byte === 0) continue;
    if (byte !== 0x80 || (offset + at) % elementBytes !== elementBytes - 1) return false;
  }
  return true;
}
