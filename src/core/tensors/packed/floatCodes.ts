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
const [e8m0Levels, e4m3Levels] = [byteLevels("F8_E8M0"), byteLevels("F8_E4M3")];
export const e8m0 = (code: number) => e8m0Levels[code] as number;
export const e4m3 = (code: number) => e4m3Levels[code] as number;

/** Pairs of MXFP4. */
export const mxfp4Pairs: PairValues = { blockBytes: 16, scales: e8m0Levels, levels: fp4Levels };

/** Pairs of NVFP4, whose scales of E4M3 another one of the whole tensor makes `byWhole`. */
export function nvfp4Pairs(byWhole: (scale: number) => number): PairValues {
  return { blockBytes: 8, scales: e4m3Levels.map(byWhole), levels: fp4Levels };
}

/** Integers of `bits` bits, unsigned, less `zero`. */
export function integerLevels(bits: number, zero = 0): Float64Array {
  return Float64Array.from({ length: 2 ** bits }, (_, code) => code - zero);
}
