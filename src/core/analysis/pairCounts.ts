import type { PairValues } from "../tensors/packed/packedWeight";
import { type CodeCounts, type Moments, noMoments } from "./numberKernels";

/**
 * Moments of the values of counted pairs, and counts of the upper 16 bits of these, as F32. A pair's code is its scale's
 * byte and below it that of the two codes.
 */
export function numbersOfPairs(
  { codes, counts }: CodeCounts,
  { scales, levels }: PairValues,
): { readonly counts: CodeCounts; readonly moments: Moments } {
  const perCode = new Float64Array(scales.length * levels.length);
  for (const [at, code] of codes.entries()) {
    const row = 16 * (code >>> 8);
    for (const place of [row + ((code >>> 4) & 15), row + (code & 15)])
      perCode[place] = (perCode[place] as number) + (counts[at] as number);
  }
  const values = Float32Array.from(
    perCode,
    (_, place) => (levels[place & 15] as number) * (scales[place >>> 4] as number),
  );
  const upperHalves = new Uint16Array(values.buffer);
  const perHalf = new Map<number, number>();
  for (const [place, count] of perCode.entries()) {
    const half = upperHalves[2 * place + 1] as number;
    if (count > 0) perHalf.set(half, (perHalf.get(half) ?? 0) + count);
  }
  const found = Uint32Array.from(perHalf.keys()).sort();
  return {
    counts: { codes: found, counts: Float64Array.from(found, (half) => perHalf.get(half) as number) },
    moments: momentsOfCounts(values, perCode),
  };
}

function momentsOfCounts(values: Float32Array, counts: Float64Array): Moments {
  let { count, min, max, zeros, nan, inf } = noMoments;
  let sum = 0;
  for (const [at, value] of values.entries()) {
    const many = counts[at] as number;
    if (many === 0) continue;
    if (Number.isNaN(value)) nan += many;
    else if (!Number.isFinite(value)) inf += many;
    else {
      count += many;
      sum += many * value;
      if (value === 0) zeros += many;
      min = Math.min(min, value);
      max = Math.max(max, value);
    }
  }
  const mean = count === 0 ? 0 : sum / count;
  let squares = 0;
  for (const [at, value] of values.entries()) {
    const many = counts[at] as number;
    if (many > 0 && Number.isFinite(value)) squares += many * (value - mean) ** 2;
  }
  return { count, mean, squares, min, max, zeros, nan, inf };
}
