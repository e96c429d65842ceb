import { decodeTensor } from "../decode";
import type { PairValues } from "./packedWeight";

/** The 16 values of FP4 E2M1 (OCP microscaling formats, 5.3.3), by code. */
export const fp4Levels = Float64Array.of(0, 0.5, 1, 1.5, 2, 3, 4, 6, -0, -0.5, -1, -1.5, -2, -3, -4, -6);

/** A scale of E8M0: a power of two; code 255 is NaN. */
export function e8m0(code: number): number {
  return code === 255 ? Number.NaN : 2 ** (code - 127);
}

/** Pairs of MXFP4. */
export const mxfp4Pairs: PairValues = {
  scales: Float64Array.from({ length: 256 }, (_, code) => e8m0(code)),
  levels: fp4Levels,
};

const e4m3Values = decodeTensor(
  Uint8Array.from({ length: 256 }, (_, code) => code),
  "F8_E4M3",
  256,
);

/** A scale of E4M3 that is stored as a byte. */
export function e4m3(code: number): number {
  return e4m3Values[code] as number;
}

/** Integers of `bits` bits, unsigned, less `zero`. */
export function integerLevels(bits: number, zero = 0): Float64Array {
  return Float64Array.from({ length: 2 ** bits }, (_, code) => code - zero);
}
