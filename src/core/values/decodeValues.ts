import { decodeTensor, UnsupportedDtypeError } from "../tensors/decode";
import { valueDtype } from "./valueDtype";

/** Values as they are shown: doubles, with what a double cannot say beside them. */
export interface DecodedValues {
  /** Real parts of complex values. */
  readonly values: Float64Array;
  readonly imaginary?: Float64Array;
  /** Integers beyond 2^53, which a double rounds: the index of the value and its digits. */
  readonly exact?: readonly ExactInteger[];
}

export type ExactInteger = readonly [index: number, digits: string];

/**
 * The first `count` values of little-endian bytes.
 * @throws UnsupportedDtypeError for dtypes whose values nobody can tell.
 * @throws RangeError when `bytes` holds fewer.
 */
export function decodeValues(bytes: Uint8Array, dtype: string, count: number): DecodedValues {
  const how = valueDtype(dtype);
  if (how === undefined) throw new UnsupportedDtypeError(dtype);
  const decoded = decodeTensor(bytes, how.partDtype, count * how.parts);
  if (how.parts === 2) {
    const values = new Float64Array(count);
    const imaginary = new Float64Array(count);
    for (let i = 0; i < count; i++) {
      values[i] = decoded[2 * i] as number;
      imaginary[i] = decoded[2 * i + 1] as number;
    }
    return { values, imaginary };
  }
  const isWide = how.partDtype === "I64" || how.partDtype === "U64";
  const exact = isWide ? exactIntegers(bytes, how.partDtype, decoded) : [];
  return exact.length === 0 ? { values: decoded } : { values: decoded, exact };
}

function exactIntegers(bytes: Uint8Array, dtype: string, rounded: Float64Array): ExactInteger[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const exact: ExactInteger[] = [];
  for (let i = 0; i < rounded.length; i++) {
    if (Number.isSafeInteger(rounded[i])) continue;
    const value = dtype === "I64" ? view.getBigInt64(8 * i, true) : view.getBigUint64(8 * i, true);
    exact.push([i, value.toString()]);
  }
  return exact;
}
