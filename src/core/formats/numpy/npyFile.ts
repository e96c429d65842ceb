import type { FileWriter } from "../../bytes/fileSink";
import { UnsupportedDtypeError } from "../../tensors/decode";
import { encodeValues } from "../../tensors/encode";
import type { ReadTensorRange } from "../../tensors/readTensorRange";
import { elementCount, type Tensor } from "../../tensors/tensor";
import { decodeValues } from "../../values/decodeValues";
import { valueDtype } from "../../values/valueDtype";

/** NumPy's names of the types that it has too, with their byte order. */
const descriptors = new Map<string, string>([
  ["BOOL", "|b1"],
  ["U8", "|u1"],
  ["I8", "|i1"],
  ["U16", "<u2"],
  ["I16", "<i2"],
  ["U32", "<u4"],
  ["I32", "<i4"],
  ["U64", "<u8"],
  ["I64", "<i8"],
  ["F16", "<f2"],
  ["F32", "<f4"],
  ["F64", "<f8"],
  ["C64", "<c8"],
  ["C128", "<c16"],
]);

export interface NpyForm {
  readonly descriptor: string;
  /** NumPy has no such type: the values are written as F32, in which each of them is exact. */
  readonly isConverted: boolean;
}

/** @throws UnsupportedDtypeError where no type of NumPy holds the values. */
export function npyForm(dtype: string): NpyForm {
  const how = valueDtype(dtype);
  const same = descriptors.get(dtype) ?? (how?.parts === 1 ? descriptors.get(how.partDtype) : undefined);
  if (same !== undefined) return { descriptor: same, isConverted: false };
  if (how?.kind === "float") return { descriptor: "<f4", isConverted: true };
  throw new UnsupportedDtypeError(dtype);
}

/**
 * What precedes the values in a file of format 1.0, in C order.
 * https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
 */
export function npyHeader(descriptor: string, shape: readonly number[]): Uint8Array {
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(", ")})`;
  const dict = `{'descr': '${descriptor}', 'fortran_order': False, 'shape': ${tuple}, }`;
  const prefix = 10;
  // The values begin on a multiple of 64; the line ends the header.
  const length = Math.ceil((prefix + dict.length + 1) / 64) * 64;
  const bytes = new Uint8Array(length).fill(0x20);
  bytes.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0]);
  new DataView(bytes.buffer).setUint16(8, length - prefix, true);
  bytes.set(new TextEncoder().encode(dict), prefix);
  bytes[length - 1] = 0x0a;
  return bytes;
}

/** Values written at once; a multiple of 8, so that packed ones begin on a byte. */
const chunkValues = 1024 * 1024;

/**
 * Writes a tensor as a `.npy` file, chunk by chunk.
 * @throws UnsupportedDtypeError where no type of NumPy holds the values.
 */
export async function writeNpy(
  tensor: Tensor,
  read: ReadTensorRange,
  writer: FileWriter,
  onBytes: (done: number, total: number) => void,
  signal?: AbortSignal,
): Promise<void> {
  const { descriptor, isConverted } = npyForm(tensor.dtype);
  const bits = valueDtype(tensor.dtype)?.bitsPerValue ?? (tensor.byteSize * 8) / elementCount(tensor.shape);
  const header = npyHeader(descriptor, tensor.shape);
  await writer.writeAt(0, header);
  let at = header.length;
  const count = elementCount(tensor.shape);
  for (let first = 0; first < count; first += chunkValues) {
    signal?.throwIfAborted();
    const values = Math.min(chunkValues, count - first);
    const offset = (first * bits) / 8;
    const length = Math.ceil((values * bits) / 8);
    const bytes = await read(tensor, offset, length, signal);
    const written = isConverted
      ? encodeValues(decodeValues(bytes, tensor.dtype, values).values, "F32")
      : bytes;
    await writer.writeAt(at, written);
    at += written.length;
    onBytes(offset + length, tensor.byteSize);
  }
}
