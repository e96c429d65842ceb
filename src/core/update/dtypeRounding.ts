/** Largest relative error of rounding to a dtype; undefined for those that hold no floats. */
const unitRoundoffs: ReadonlyMap<string, number> = new Map([
  ["F64", 2 ** -53],
  ["F32", 2 ** -24],
  ["F16", 2 ** -11],
  ["BF16", 2 ** -8],
  ["F8_E4M3", 2 ** -4],
  ["F8_E5M2", 2 ** -3],
]);

export function unitRoundoff(dtype: string): number {
  return unitRoundoffs.get(dtype) ?? 2 ** -24;
}

/**
 * Typical relative error of rounding values spread over the binades: uniform within ±u/m for mantissas m between
 * 1 and 2 (measured for BF16: 1.6e-3).
 */
export function rmsRounding(dtype: string): number {
  return 0.41 * unitRoundoff(dtype);
}
