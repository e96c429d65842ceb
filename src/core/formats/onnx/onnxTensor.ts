import type { ByteCursor } from "../../bytes/byteCursor";
import { type ByteRegion, FileRegion, MemoryRegion } from "../../bytes/byteRegion";
import type { Problem } from "../../problem/problem";
import { dtypeBits } from "../../tensors/dtype";
import { elementCount, type Tensor } from "../../tensors/tensor";
import { contiguousStrides } from "../../tensors/tensorLayout";
import { quote } from "../../text/quote";
import type { OutsideValues } from "../format";
import { fieldsOf, type ProtobufField, packedVarints } from "./protobuf";

/** onnx.proto `TensorProto.DataType`, in our spelling. Two 4-bit values share a byte, the first in its low half. */
const dtypes = new Map<number, string>([
  [1, "F32"],
  [2, "U8"],
  [3, "I8"],
  [4, "U16"],
  [5, "I16"],
  [6, "I32"],
  [7, "I64"],
  [9, "BOOL"],
  [10, "F16"],
  [11, "F64"],
  [12, "U32"],
  [13, "U64"],
  [14, "C64"],
  [15, "C128"],
  [16, "BF16"],
  [17, "F8_E4M3"],
  [18, "F8_E4M3FNUZ"],
  [19, "F8_E5M2"],
  [20, "F8_E5M2FNUZ"],
  [21, "U4"],
  [22, "I4"],
  [23, "F4"],
  [24, "F8_E8M0"],
  [25, "U2"],
  [26, "I2"],
]);

const packedBits = new Map([
  ["U4", 4],
  ["I4", 4],
  ["U2", 2],
  ["I2", 2],
  ["C128", 128],
]);

/** Values in fields of their own are copied into memory; larger ones stand in `raw_data`, which is read by range. */
const maxFieldBytes = 64_000_000;

/** What was found of one initializer. */
export interface OnnxTensor {
  readonly tensor?: Tensor;
  readonly problem?: Problem;
  /** Set where the values stand in another file. */
  readonly outside?: OutsideValues;
}

/** The typed value fields of TensorProto: float, int32, int64, double, uint64. */
const valueFields = new Map<number, { readonly bytes: number; readonly varint: boolean }>([
  [4, { bytes: 4, varint: false }],
  [5, { bytes: 4, varint: true }],
  [7, { bytes: 8, varint: true }],
  [10, { bytes: 8, varint: false }],
  [11, { bytes: 8, varint: true }],
]);

/**
 * Reads a TensorProto (onnx.proto) that lies between two offsets, without the bytes of `raw_data`.
 * `fallbackName` is for constants, which have none of their own.
 */
export async function readOnnxTensor(
  cursor: ByteCursor,
  { start, end }: Pick<ProtobufField, "start" | "end">,
  fallbackName: string,
): Promise<OnnxTensor> {
  const shape: number[] = [];
  let type = 0;
  let name = "";
  let raw: FileRegion | undefined;
  let isExternal = false;
  const outside = new Map<string, string>();
  const values: ProtobufField[] = [];
  for await (const field of fieldsOf(cursor, start, end)) {
    if (field.number === 1) shape.push(...(await integers(cursor, field)).map(Number));
    else if (field.number === 2) type = Number(field.value);
    else if (field.number === 8) name = await text(cursor, field);
    else if (field.number === 9) raw = new FileRegion(field.start, field.end - field.start);
    else if (field.number === 13) outside.set(...(await readPair(cursor, field)));
    else if (field.number === 14) isExternal = field.value === 1n;
    else if (valueFields.has(field.number)) values.push(field);
  }
  const shown = name === "" ? fallbackName : name;
  const dtype = dtypes.get(type);
  if (dtype === undefined) {
    const what = type === 8 ? "text" : `values of type ${type}, which is not known here`;
    return {
      problem: problem(
        "info",
        "OnnxTypeSkipped",
        `${quote(shown)} holds ${what}: it is not listed as a tensor.`,
      ),
    };
  }
  if (shape.some((size) => !Number.isSafeInteger(size) || size < 0))
    return {
      problem: problem("error", "InvalidShape", `${quote(shown)} has the shape [${shape.join(", ")}].`),
    };
  const bits = dtypeBits.get(dtype) ?? packedBits.get(dtype) ?? 8;
  const byteSize = Math.ceil((elementCount(shape) * bits) / 8);
  const base = { name: shown, dtype, shape, byteSize, fileIndex: 0 };
  if (isExternal) {
    const location = outside.get("location") ?? "";
    const absent = `its values stand in ${quote(location === "" ? "another file" : location)}`;
    const tensor = { ...base, offset: start, layout: plainLayout(base, undefined, absent) };
    const length = outside.get("length");
    const place = {
      location,
      offset: Number(outside.get("offset") ?? 0),
      length: length === undefined ? undefined : Number(length),
    };
    return { tensor, outside: place };
  }
  const region = raw ?? (await fieldRegion(cursor, values, dtype, bits, start));
  const size = region?.size ?? 0;
  if (size !== byteSize) {
    const message = `${quote(shown)} should have ${byteSize} bytes by its shape and type, but has ${size}.`;
    const absent = `it has ${size} bytes where its shape needs ${byteSize}`;
    const tensor = {
      ...base,
      offset: region?.fileOffset ?? start,
      layout: plainLayout(base, undefined, absent),
    };
    return { tensor, problem: problem("error", "TensorSizeMismatch", message) };
  }
  if (region instanceof FileRegion || region === undefined)
    return { tensor: { ...base, offset: region?.fileOffset ?? start } };
  return { tensor: { ...base, offset: region.fileOffset, layout: plainLayout(base, region) } };
}

function plainLayout(
  { name, dtype, shape, byteSize }: Omit<Tensor, "offset">,
  region: ByteRegion | undefined,
  absent?: string,
) {
  const elementBytes = (dtypeBits.get(dtype) ?? packedBits.get(dtype) ?? 8) / 8;
  const elementShape = elementBytes < 1 ? [byteSize] : shape;
  return {
    storage: { key: name, byteSize, bigEndian: false, region, ...(absent === undefined ? {} : { absent }) },
    storageOffset: 0,
    strides: contiguousStrides(elementShape),
    elementBytes: Math.max(1, elementBytes),
    elementShape,
  };
}

function problem(severity: Problem["severity"], code: string, message: string): Problem {
  return { severity, code, message };
}

async function integers(cursor: ByteCursor, field: ProtobufField): Promise<bigint[]> {
  if (field.wireType === 0) return [BigInt.asIntN(64, field.value)];
  cursor.at = field.start;
  return packedVarints(await cursor.take(field.end - field.start)).map((value) => BigInt.asIntN(64, value));
}

export async function text(cursor: ByteCursor, { start, end }: ProtobufField): Promise<string> {
  cursor.at = start;
  return new TextDecoder().decode(await cursor.take(Math.min(end - start, 64 * 1024)));
}

/** OperatorSetIdProto {1 domain, 2 version} and StringStringEntryProto {1 key, 2 value}. */
export async function readPair(cursor: ByteCursor, { start, end }: ProtobufField): Promise<[string, string]> {
  let [key, value] = ["", ""];
  for await (const field of fieldsOf(cursor, start, end)) {
    if (field.number === 1) key = await text(cursor, field);
    else if (field.number === 2)
      value = field.wireType === 0 ? String(field.value) : await text(cursor, field);
  }
  return [key, value];
}

/** Typed fields: one packed run of fixed width lies in the file as the tensor does; all else is written out. */
async function fieldRegion(
  cursor: ByteCursor,
  fields: readonly ProtobufField[],
  dtype: string,
  bits: number,
  offset: number,
): Promise<ByteRegion | undefined> {
  const [first] = fields;
  if (first === undefined) return undefined;
  const packed = valueFields.get(first.number);
  if (packed === undefined) return undefined;
  const isWhole = fields.length === 1 && first.wireType === 2;
  if (isWhole && !packed.varint) return new FileRegion(first.start, first.end - first.start);
  if (fields.reduce((sum, { start, end }) => sum + end - start, 0) > maxFieldBytes) return undefined;
  const chunks: Uint8Array[] = [];
  for (const field of fields) {
    if (!packed.varint) {
      cursor.at = field.start;
      chunks.push((await cursor.take(field.end - field.start)).slice());
    } else chunks.push(littleEndian(await integers(cursor, field), dtype, bits));
  }
  const whole = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return new MemoryRegion(whole, offset);
}

/** Numbers as the tensor stores them; of `int32_data` the low bits are the value, also of F16 and BF16. */
function littleEndian(values: readonly bigint[], dtype: string, bits: number): Uint8Array {
  // 4-bit values stand two to a number, as they do in a byte.
  const width = Math.max(1, bits / 8);
  const bytes = new Uint8Array(values.length * width);
  const view = new DataView(bytes.buffer);
  values.forEach((value, index) => {
    if (width === 1) view.setUint8(index, Number(BigInt.asUintN(8, value)));
    else if (width === 2) view.setUint16(index * 2, Number(BigInt.asUintN(16, value)), true);
    else if (width === 4) view.setUint32(index * 4, Number(BigInt.asUintN(32, value)), true);
    else if (dtype !== "C128") view.setBigUint64(index * 8, BigInt.asUintN(64, value), true);
  });
  return bytes;
}
