import { elementCount, type Tensor } from "./tensor";

/**
 * Data types in the spelling of safetensors 0.8 and their width in bits. Widths below 8 are packed.
 * Other formats map their own names to these.
 */
export const dtypeBits = new Map<string, number>([
  ["BOOL", 8],
  ["F4", 4],
  ["F6_E2M3", 6],
  ["F6_E3M2", 6],
  ["U8", 8],
  ["I8", 8],
  ["F8_E5M2", 8],
  ["F8_E4M3", 8],
  ["F8_E8M0", 8],
  ["F8_E4M3FNUZ", 8],
  ["F8_E5M2FNUZ", 8],
  ["I16", 16],
  ["U16", 16],
  ["F16", 16],
  ["BF16", 16],
  ["I32", 32],
  ["U32", 32],
  ["F32", 32],
  ["C64", 64],
  ["F64", 64],
  ["I64", 64],
  ["U64", 64],
]);

/**
 * What torch has beyond safetensors, named alike; the values of these are shown as bytes only. torch's integers of
 * 1 to 7 bits take a byte each.
 */
export const torchOnlyBits = new Map<string, number>([
  ["C32", 32],
  ["C128", 128],
  ["QINT8", 8],
  ["QUINT8", 8],
  ["QINT32", 32],
  ["QUINT4x2", 4],
  ["QUINT2x4", 2],
  ...[1, 2, 3, 4, 5, 6, 7].flatMap((bits): [string, number][] => [
    [`U${bits}`, 8],
    [`I${bits}`, 8],
  ]),
  ["BITS8", 8],
  ["BITS16", 16],
]);

/** Bytes of one element; undefined where several share a byte, and for dtypes that are not known. */
export function elementBytesOf(dtype: string): number | undefined {
  const bits = dtypeBits.get(dtype) ?? torchOnlyBits.get(dtype);
  return bits === undefined || bits % 8 !== 0 ? undefined : bits / 8;
}

const withoutNumbers = /^(?:string|resource|variant|object|structured|opaque|[OSVa]\d*|[mM]8?(?:\[.*\])?)$/;

/**
 * Whether values are no numbers: texts, objects, records, dates, bytes without a type. NumPy calls texts of four letters
 * `U4`, as torch calls integers of 4 bits; each letter takes 4 bytes.
 */
export function holdsNoNumbers({
  dtype,
  shape,
  byteSize,
}: Pick<Tensor, "dtype" | "shape" | "byteSize">): boolean {
  if (withoutNumbers.test(dtype)) return true;
  const letters = dtypeBits.has(dtype) ? undefined : /^U(\d+)$/.exec(dtype)?.[1];
  return letters !== undefined && byteSize === 4 * Number(letters) * elementCount(shape);
}
