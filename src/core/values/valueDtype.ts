import { dtypeBits } from "../tensors/dtype";

/** How the values of a dtype are decoded and written. */
export interface ValueDtype {
  /** A dtype that `decodeTensor` knows: of the values, or of the parts of complex ones. */
  readonly partDtype: string;
  /** 2 for complex values: real and imaginary part follow each other. */
  readonly parts: 1 | 2;
  readonly bitsPerValue: number;
  readonly kind: "float" | "integer" | "bool" | "complex";
  /** What the numbers are, where they are not what the tensor means. */
  readonly note?: string;
}

const storedIntegers = "The stored integers; a value is (q − zero point) × scale.";

/** torch's integers of 1 to 7 bits take a byte each; what is quantised is stored as integers. */
const storedAs = new Map<string, { readonly dtype: string; readonly note?: string }>([
  ...[1, 2, 3, 4, 5, 6, 7].flatMap((bits): [string, { dtype: string }][] => [
    [`U${bits}`, { dtype: "U8" }],
    [`I${bits}`, { dtype: "I8" }],
  ]),
  ["BITS8", { dtype: "U8" }],
  ["BITS16", { dtype: "U16" }],
  ["QINT8", { dtype: "I8", note: storedIntegers }],
  ["QUINT8", { dtype: "U8", note: storedIntegers }],
  ["QINT32", { dtype: "I32", note: storedIntegers }],
]);

const complexParts = new Map<string, string>([
  ["C32", "F16"],
  ["C64", "F32"],
  ["C128", "F64"],
]);

/** Undefined for dtypes whose values nobody can tell. */
export function valueDtype(dtype: string): ValueDtype | undefined {
  const part = complexParts.get(dtype);
  if (part !== undefined) {
    const bits = dtypeBits.get(part) ?? 0;
    return { partDtype: part, parts: 2, bitsPerValue: 2 * bits, kind: "complex" };
  }
  const stored = storedAs.get(dtype) ?? { dtype };
  const bitsPerValue = dtypeBits.get(stored.dtype);
  if (bitsPerValue === undefined) return undefined;
  const kind = dtype === "BOOL" ? "bool" : /^[A-Z]*[IU]/.test(stored.dtype) ? "integer" : "float";
  return {
    partDtype: stored.dtype,
    parts: 1,
    bitsPerValue,
    kind,
    ...(stored.note === undefined ? {} : { note: stored.note }),
  };
}
