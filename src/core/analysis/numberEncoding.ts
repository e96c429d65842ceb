import { decodeTensor } from "../tensors/decode";
import { decodeBlocks, ggmlBlocks } from "../tensors/ggmlBlocks";
import type { CodeKind } from "../tensors/packed/codeCells";
import { mxfp4Pairs } from "../tensors/packed/floatCodes";
import type { PairValues } from "../tensors/packed/packedWeight";
import { elementCount, type Tensor } from "../tensors/tensor";
import type { WidenedType } from "./numberKernels";

/** How the numbers of a dtype are found in its bytes. */
export interface NumberEncoding {
  /**
   * `bytes` and `words` count codes, of which there are few enough that the counts tell everything; `six-bits` does
   * so for four codes in three bytes. `f32` and `f64` are measured as they are, a complex number as two. Of
   * `decoded` the values are made first; `blocks` are of F32. `pairs` of a scale and codes are counted,
   * and `runs` of codes that share a scale; `cells` of codes share a scale and an offset.
   */
  readonly method:
    | "bytes"
    | "words"
    | "six-bits"
    | "f32"
    | "f64"
    | "decoded"
    | "blocks"
    | "pairs"
    | "runs"
    | "cells";
  /** A tensor may be measured in pieces of a multiple of these bytes. */
  readonly unitBytes: number;
  /** Set where codes are counted. */
  readonly codes?: CodeTable;
  /** Codes in a byte, the first in its low bits; 1 where it is not said. */
  readonly codesPerByte?: number;
  /** Values in a unit of `decoded`, `blocks` and `pairs`; 1 where it is not said. */
  readonly valuesPerUnit?: number;
  /** Makes the values of `decoded`, `blocks` and `pairs`. */
  readonly decode?: (bytes: Uint8Array, count: number) => Float64Array;
  /** Set for `runs`: what each of 16 codes stands for. */
  readonly levels?: Float32Array;
  /** Set where the values are those that are stored, of a type that kernels make wider. */
  readonly stored?: WidenedType;
  /** Set for `pairs`. */
  readonly pairs?: PairValues;
  /** Set for `cells`. */
  readonly cells?: CodeKind;
  /** The scales of `pairs` lie in the other chunk. */
  readonly areScalesApart?: boolean;
  /** Whose `blocks`. */
  readonly dtype?: string;
}

/** The value of every code of a dtype of up to 16 bits. */
export interface CodeTable {
  readonly values: Float64Array;
  /** How the codes follow each other when they are sorted by value. */
  readonly order: CodeOrder;
}

export type CodeOrder = "unsigned" | "twos-complement" | "sign-magnitude";

/** What stands for a dtype in a message between threads. */
export interface EncodingKey {
  readonly dtype: string;
  readonly scaling?: Scaling;
}

/** value = (code - zeroPoint) · scale, in F32 as torch computes it. */
export interface Scaling {
  readonly scale: number;
  readonly zeroPoint: number;
}

/** Undefined for a tensor whose values are no numbers, or whose scale depends on where a value is. */
export function encodingKey(tensor: Tensor): EncodingKey | undefined {
  const { dtype, layout } = tensor;
  const quantisation = layout?.quantisation;
  if (quantisation === undefined && isPackedInteger(tensor)) return { dtype: `${dtype} packed` };
  if (quantisation === undefined) return encodings.has(dtype) ? { dtype } : undefined;
  if (quantisation.scheme !== "per-tensor" || !encodings.has(dtype)) return undefined;
  return { dtype, scaling: { scale: quantisation.scale, zeroPoint: quantisation.zeroPoint } };
}

/**
 * ONNX packs integers of 2 and 4 bits, the first value in the low bits; torch gives each a byte, of which the low bits
 * are the same.
 */
function isPackedInteger({ dtype, shape, byteSize }: Tensor): boolean {
  const count = elementCount(shape);
  return /^[UI][24]$/.test(dtype) && (byteSize < count || count === 1);
}

/** Runs of 64 codes in 32 bytes, whose scales lie apart from them. */
export function runsEncoding(levels: Float32Array): NumberEncoding {
  return { method: "runs", unitBytes: 32, valuesPerUnit: 64, levels };
}

const known = new Map<string, NumberEncoding>();

/** @throws RangeError for a dtype without numbers; `encodingKey` is undefined for those. */
export function encodingOf({ dtype, scaling }: EncodingKey): NumberEncoding {
  const make = encodings.get(dtype);
  if (make === undefined) throw new RangeError(`The dtype ${JSON.stringify(dtype)} has no numbers.`);
  // Each quantised tensor has a scale of its own: keeping those would keep ever more.
  if (scaling !== undefined) return scaled(make(), scaling);
  let encoding = known.get(dtype);
  if (encoding === undefined) {
    encoding = make();
    known.set(dtype, encoding);
  }
  return encoding;
}

const encodings = new Map<string, () => NumberEncoding>([
  ...["BOOL", "U8", "U1", "U2", "U3", "U4", "U5", "U6", "U7", "QUINT8"].map((dtype) =>
    entry(dtype, () => byteCodes(dtype === "BOOL" ? "BOOL" : "U8", "unsigned")),
  ),
  ...["I8", "I1", "I2", "I3", "I4", "I5", "I6", "I7", "QINT8"].map((dtype) =>
    entry(dtype, () => byteCodes("I8", "twos-complement")),
  ),
  ...["F8_E4M3", "F8_E5M2", "F8_E4M3FNUZ", "F8_E5M2FNUZ"].map((dtype) =>
    entry(dtype, () => byteCodes(dtype, "sign-magnitude")),
  ),
  entry("F8_E8M0", () => byteCodes("F8_E8M0", "unsigned")),
  entry("F4", () => packedCodes(decodeCodes("F4", 16, 4), "sign-magnitude", 2)),
  ...["QUINT4x2", "U4 packed"].map((dtype) => entry(dtype, () => packedIntegers(4, "unsigned"))),
  ...["QUINT2x4", "U2 packed"].map((dtype) => entry(dtype, () => packedIntegers(2, "unsigned"))),
  entry("I4 packed", () => packedIntegers(4, "twos-complement")),
  entry("I2 packed", () => packedIntegers(2, "twos-complement")),
  ...["F6_E2M3", "F6_E3M2"].map((dtype) => entry(dtype, () => sixBitCodes(dtype))),
  ...(["F16", "BF16"] as const).map((dtype) => entry(dtype, () => wordCodes(dtype, "sign-magnitude"))),
  entry("C32", () => ({ ...wordCodes("F16", "sign-magnitude"), unitBytes: 4 })),
  entry("U16", () => wordCodes("U16", "unsigned")),
  entry("I16", () => wordCodes("I16", "twos-complement")),
  entry("F32", () => ({ method: "f32", unitBytes: 4, stored: "F32" })),
  entry("C64", () => ({ method: "f32", unitBytes: 8, stored: "F32" })),
  entry("F64", () => ({ method: "f64", unitBytes: 8 })),
  entry("C128", () => ({ method: "f64", unitBytes: 16 })),
  ...(["U32", "I32", "U64", "I64"] as const).map((dtype) => entry(dtype, () => decoded(dtype))),
  entry("QINT32", () => decoded("I32")),
  ...[...ggmlBlocks].map(([dtype, { bytes, values }]) => entry(dtype, () => blocks(dtype, bytes, values))),
]);

function entry(dtype: string, make: () => NumberEncoding): [string, () => NumberEncoding] {
  return [dtype, make];
}

function byteCodes(dtype: string, order: CodeOrder): NumberEncoding {
  return { method: "bytes", unitBytes: 1, codes: { values: decodeCodes(dtype, 256, 8), order } };
}

function packedCodes(values: Float64Array, order: CodeOrder, codesPerByte: number): NumberEncoding {
  return { method: "bytes", unitBytes: 1, codes: { values, order }, codesPerByte };
}

function packedIntegers(bits: number, order: "unsigned" | "twos-complement"): NumberEncoding {
  const firstNegative = order === "unsigned" ? 2 ** bits : 2 ** (bits - 1);
  const values = Float64Array.from({ length: 2 ** bits }, (_, code) =>
    code < firstNegative ? code : code - 2 ** bits,
  );
  return packedCodes(values, order, 8 / bits);
}

function sixBitCodes(dtype: string): NumberEncoding {
  const values = decodeCodes(dtype, 64, 6);
  return { method: "six-bits", unitBytes: 3, codes: { values, order: "sign-magnitude" } };
}

function wordCodes(dtype: "F16" | "BF16" | "I16" | "U16", order: CodeOrder): NumberEncoding {
  const codes = { values: decodeCodes(dtype, 65_536, 16), order };
  return { method: "words", unitBytes: 2, codes, stored: dtype };
}

/** MXFP4 as ggml reads it: 255 is an exponent as well, and there is no -0. */
const ggmlPairs: PairValues = {
  blockBytes: 16,
  scales: mxfp4Pairs.scales.with(255, 2 ** 128),
  levels: mxfp4Pairs.levels.with(8, 0),
};

/** Blocks of codes, two in a byte, whose scales lie apart from them. */
export function pairsEncoding(pairs: PairValues): NumberEncoding {
  const { blockBytes } = pairs;
  return {
    method: "pairs",
    unitBytes: blockBytes,
    valuesPerUnit: 2 * blockBytes,
    pairs,
    areScalesApart: true,
  };
}

/** Cells of codes, whose scales and offsets lie apart from them. */
export function cellsEncoding(cells: CodeKind): NumberEncoding {
  const { cellCodes, bits } = cells;
  return { method: "cells", unitBytes: (cellCodes * bits) / 8, valuesPerUnit: cellCodes, cells };
}

function blocks(dtype: string, unitBytes: number, valuesPerUnit: number): NumberEncoding {
  return {
    ...(dtype === "MXFP4" ? { method: "pairs", pairs: ggmlPairs } : { method: "blocks" }),
    unitBytes,
    valuesPerUnit,
    dtype,
    decode: (bytes, count) => Float64Array.from(decodeBlocks(bytes, dtype, count)),
  };
}

function decoded(dtype: "U32" | "I32" | "U64" | "I64"): NumberEncoding {
  const unitBytes = dtype.endsWith("64") ? 8 : 4;
  const decode = (bytes: Uint8Array, count: number) => decodeTensor(bytes, dtype, count);
  return { method: "decoded", unitBytes, decode, stored: dtype };
}

/** Decodes every code once, in ascending order. */
function decodeCodes(dtype: string, count: number, bits: number): Float64Array {
  const bytes = new Uint8Array(Math.ceil((count * bits) / 8) + 1);
  for (let code = 0; code < count; code++) {
    const bit = code * bits;
    const shifted = code << (bit % 8);
    const at = Math.floor(bit / 8);
    bytes[at] = (bytes[at] as number) | (shifted & 0xff);
    bytes[at + 1] = (bytes[at + 1] as number) | (shifted >>> 8);
  }
  return decodeTensor(bytes, dtype, count);
}

function scaled({ stored: _, ...encoding }: NumberEncoding, { scale, zeroPoint }: Scaling): NumberEncoding {
  const factor = Math.fround(scale);
  const apply = (value: number) => Math.fround(Math.fround(value - zeroPoint) * factor);
  const { codes, decode } = encoding;
  return {
    ...encoding,
    ...(codes === undefined ? {} : { codes: { ...codes, values: codes.values.map(apply) } }),
    ...(decode === undefined ? {} : { decode: (bytes, count) => decode(bytes, count).map(apply) }),
  };
}
