import { decodeTensor } from "../decode";
import type { PairValues } from "./packedWeight";

/** The 16 values of FP4 E2M1 (OCP microscaling formats, 5.3.3), by code. */
export const fp4Levels = Float64Array.of(0, 0.5, 1, 1.5, 2, 3, 4, 6, -0, -0.5, -1, -1.5, -2, -3, -4, -6);

const everyByte = Uint8Array.from({ length: 256 }, (_, code) => code);
const levelsOfBytes = new Map<string, Float64Array>();

/** The values of a dtype of one byte, by code. */
export function byteLevels(dtype: string): Float64Array {
  const levels = levelsOfBytes.get(dtype) ?? decodeTensor(everyByte, dtype, 256);
  levelsOfBytes.set(dtype, levels);
  return levels;
}

/** Scales that are stored as bytes: a power of two, of which code 255 is NaN, and E4M3. */
export const e8m0 = (code: number) => byteLevels("F8_E8M0")[code] as number;
export const e4m3 = (code: number) => byteLevels("F8_E4M3")[code] as number;

/** Pairs of MXFP4. */
export const mxfp4Pairs: PairValues = { scales: byteLevels("F8_E8M0"), levels: fp4Levels };

/** Integers of `bits` bits, unsigned, less `zero`. */
export function integerLevels(bits: number, zero = 0): Float64Array {
  return Float64Array.from({ length: 2 ** bits }, (_, code) => code - zero);
}
