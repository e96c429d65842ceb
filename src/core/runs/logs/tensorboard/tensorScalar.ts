import type { WireReader } from "../wireReader";
import { wireBytes, wireFixed32, wireFixed64, wireVarint } from "../wireReader";

/** TensorFlow's DataType, as far as a scalar may have it. */
const dtypes = {
  float: 1,
  double: 2,
  int32: 3,
  uint8: 4,
  int16: 5,
  int8: 6,
  string: 7,
  int64: 9,
  bool: 10,
  bfloat16: 14,
  uint16: 17,
  half: 19,
  uint32: 22,
  uint64: 23,
} as const;

const scratch = new DataView(new ArrayBuffer(4));

/** What a TensorProto of one element holds: a number, a text, or undefined where it is something else. */
export type TensorScalar = number | string | undefined;

/**
 * Reads a TensorProto. Its value is in `tensor_content`, as the bytes of its dtype, or in the list of its
 * kind (`float_val`, `double_val` …), which may be packed or not. Only tensors of one element are of
 * interest.
 */
export function readTensorScalar(reader: WireReader): TensorScalar {
  let dtype = 0;
  let elements = 1;
  let value: TensorScalar;
  let contentStart = -1;
  let contentEnd = -1;
  while (reader.next()) {
    switch (reader.field) {
      case 1:
        dtype = reader.uint;
        break;
      case 2:
        elements = countElements(reader);
        break;
      case 4:
        contentStart = reader.start;
        contentEnd = reader.end;
        break;
      case 5:
        value ??= firstFixed(reader, 4);
        break;
      case 6:
        value ??= firstFixed(reader, 8);
        break;
      case 8:
        if (reader.wireType === wireBytes) value ??= reader.text;
        break;
      case 7:
      case 10:
      case 11:
      case 16:
      case 17:
        value ??= firstInt(reader);
        break;
      case 13:
        value ??= decodeHalf(dtype, firstInt(reader));
        break;
    }
  }
  if (elements !== 1) return undefined;
  if (contentEnd > contentStart) return readContent(reader.view, contentStart, contentEnd, dtype);
  // A list that holds nothing but zero is left out.
  return value ?? (dtype === dtypes.string || dtype === 0 ? undefined : 0);
}

/** TensorShapeProto: dim(2) { size(1) }, unknown_rank(3). A shape without a size is of rank 0. */
function countElements(reader: WireReader): number {
  const shape = reader.nested();
  let elements = 1;
  while (shape.next()) {
    if (shape.field === 3 && shape.uint !== 0) return -1;
    if (shape.field !== 2 || shape.wireType !== wireBytes) continue;
    const dim = shape.nested();
    let size = 0;
    while (dim.next()) if (dim.field === 1) size = dim.int;
    elements *= size;
  }
  return elements;
}

function firstFixed(reader: WireReader, width: 4 | 8): number | undefined {
  const { wireType, start, end } = reader;
  const single = wireType === (width === 4 ? wireFixed32 : wireFixed64);
  if (!single && (wireType !== wireBytes || end - start < width)) return undefined;
  const { view } = reader;
  return width === 4 ? view.getFloat32(start, true) : view.getFloat64(start, true);
}

function firstInt(reader: WireReader): number | undefined {
  if (reader.wireType === wireVarint) return reader.int;
  if (reader.wireType !== wireBytes) return undefined;
  for (const value of reader.packedInts()) return value;
  return undefined;
}

/** `half_val` holds the 16 bits of a half or a bfloat16. */
function decodeHalf(dtype: number, bits: number | undefined): number | undefined {
  if (bits === undefined) return undefined;
  return dtype === dtypes.bfloat16 ? fromBfloat16(bits) : fromHalf(bits);
}

function readContent(view: DataView, start: number, end: number, dtype: number): TensorScalar {
  const width = widths.get(dtype);
  if (width === undefined || end - start < width) return undefined;
  switch (dtype) {
    case dtypes.float:
      return view.getFloat32(start, true);
    case dtypes.double:
      return view.getFloat64(start, true);
    case dtypes.half:
      return fromHalf(view.getUint16(start, true));
    case dtypes.bfloat16:
      return fromBfloat16(view.getUint16(start, true));
    case dtypes.int32:
      return view.getInt32(start, true);
    case dtypes.uint32:
      return view.getUint32(start, true);
    case dtypes.int16:
      return view.getInt16(start, true);
    case dtypes.uint16:
      return view.getUint16(start, true);
    case dtypes.int8:
      return view.getInt8(start);
    case dtypes.int64:
      return Number(view.getBigInt64(start, true));
    case dtypes.uint64:
      return Number(view.getBigUint64(start, true));
    default:
      return view.getUint8(start);
  }
}

const widths: ReadonlyMap<number, number> = new Map<number, number>([
  [dtypes.float, 4],
  [dtypes.double, 8],
  [dtypes.half, 2],
  [dtypes.bfloat16, 2],
  [dtypes.int32, 4],
  [dtypes.uint32, 4],
  [dtypes.int16, 2],
  [dtypes.uint16, 2],
  [dtypes.int8, 1],
  [dtypes.uint8, 1],
  [dtypes.bool, 1],
  [dtypes.int64, 8],
  [dtypes.uint64, 8],
]);

function fromBfloat16(bits: number): number {
  scratch.setUint32(0, (bits & 0xffff) << 16);
  return scratch.getFloat32(0);
}

function fromHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
