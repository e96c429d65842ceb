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
): Promise<Uint8Array> {
  const { rows, columns } = rowsOf(packed.shape);
  if (offset < 0 || offset + length > 4 * rows * columns)
    throw new RangeError(`Bytes ${offset} to ${offset + length} lie outside of ${packed.name}.`);
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  const rowBytes = 4 * columns;
  const step = Math.max(1, Math.floor(chunkValues / Math.max(1, columns)));
  for (let done = 0; done < length; ) {
    signal?.throwIfAborted();
    const first = Math.floor((offset + done) / rowBytes);
    const end = Math.min(first + step, Math.ceil((offset + length) / rowBytes));
    const values = await packed.readRows(first, end - first, read, signal);
    const from = offset + done - first * rowBytes;
    const taken = Math.min(length - done, 4 * values.length - from);
    done += copyLittleEndian(values, from, taken, view, done);
  }
  return bytes;
}

/** A range that begins or ends within a value takes a part of it. */
function copyLittleEndian(
  values: Float32Array,
  from: number,
  count: number,
  to: DataView,
  at: number,
): number {
  const whole = new DataView(new ArrayBuffer(4));
  for (let done = 0; done < count; ) {
    const byte = (from + done) % 4;
    const value = values[Math.floor((from + done) / 4)] as number;
    if (byte === 0 && count - done >= 4) {
      to.setFloat32(at + done, value, true);
      done += 4;
      continue;
    }
    whole.setFloat32(0, value, true);
    to.setUint8(at + done, whole.getUint8(byte));
    done++;
  }
  return count;
}
