import type { ReadTensorRange } from "../readTensorRange";
import { elementCount, type Tensor } from "../tensor";
import { type PackedWeight, rowsOf } from "./packedWeight";

/** A weight as a tensor of F32 that lies in no file: `readUnpacked` makes its bytes of the stored codes. */
export function unpackedTensor(codes: Tensor, packed: PackedWeight): Tensor {
  const { name, shape } = packed;
  const { offset, fileIndex } = codes;
  return { name, dtype: "F32", shape, byteSize: 4 * elementCount(shape), offset, fileIndex, packed };
}

/** Values that are made at once: a longer range is put together of several. */
const chunkValues = 1 << 20;

/**
 * Bytes `offset` to `offset + length` of an unpacked weight, little-endian F32.
 * @throws RangeError where they lie outside of it.
 */
export async function readUnpacked(
  packed: PackedWeight,
  offset: number,
  length: number,
  read: ReadTensorRange,
  signal?: AbortSignal,
  spare?: Uint8Array,
): Promise<Uint8Array> {
  const { rows, columns } = rowsOf(packed.shape);
  if (offset < 0 || offset + length > 4 * rows * columns)
    throw new RangeError(`Bytes ${offset} to ${offset + length} lie outside of ${packed.name}.`);
  const rowBytes = 4 * columns;
  const step = Math.max(1, Math.floor(chunkValues / Math.max(1, columns)));
  let bytes: Uint8Array | undefined;
  for (let done = 0; done < length; ) {
    signal?.throwIfAborted();
    const first = Math.floor((offset + done) / rowBytes);
    const end = Math.min(first + step, Math.ceil((offset + length) / rowBytes));
    const isWhole = offset === first * rowBytes && length === (end - first) * rowBytes;
    const into = isWhole && spare?.byteLength === length && spare.byteOffset % 4 === 0 ? spare : undefined;
    const room = into && new Float32Array(into.buffer, into.byteOffset, into.length / 4);
    const values = await packed.readRows(first, end - first, read, signal, room);
    // Every platform that runs this is little-endian.
    const found = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    if (isWhole) return found;
    bytes ??= new Uint8Array(length);
    const from = offset + done - first * rowBytes;
    const taken = Math.min(length - done, found.length - from);
    bytes.set(found.subarray(from, from + taken), done);
    done += taken;
  }
  return bytes ?? new Uint8Array(length);
}
