/** Share of the energy (squared singular values) that the first k of them hold, for every k. */
export function cumulativeEnergy(singularValues: Float64Array): Float64Array<ArrayBuffer> {
  const total = singularValues.reduce((sum, value) => sum + value * value, 0);
  let kept = 0;
  return Float64Array.from(singularValues, (value) => {
    kept += value * value;
    return total > 0 ? kept / total : Number.NaN;
  });
}

/** 1, 2, … n: people count singular values from one. */
export function ordinals(count: number): Float64Array<ArrayBuffer> {
  return Float64Array.from({ length: count }, (_, index) => index + 1);
}

/** How many of them hold at least this share of the energy; undefined where there is none. */
export function countForEnergy(singularValues: Float64Array, share: number): number | undefined {
  const index = cumulativeEnergy(singularValues).findIndex((kept) => kept >= share);
  return index < 0 ? undefined : index + 1;
}
