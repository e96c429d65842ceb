import { maxAbs } from "../linalg/matrix";

/** How the values of a factor spread, in bins of equal width around zero. Plain data. */
export interface FactorHistogram {
  /** The bins cover -limit to limit. */
  readonly limit: number;
  readonly counts: Float64Array;
  readonly zeros: number;
}

/** Odd, so that zero lies in the middle of a bin. */
const bins = 101;

/** @param limit shared by histograms that are laid over each other; `histogramLimit` of all of them. */
export function factorHistogram(values: Float64Array, limit: number): FactorHistogram {
  const counts = new Float64Array(bins);
  const scale = bins / (2 * limit);
  let zeros = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    if (value === 0) zeros++;
    const bin =
      limit === 0 ? (bins - 1) / 2 : Math.min(Math.max(Math.floor((value + limit) * scale), 0), bins - 1);
    counts[bin] = (counts[bin] as number) + 1;
  }
  return { limit, counts, zeros };
}

export function histogramLimit(factors: readonly Float64Array[]): number {
  return factors.reduce((largest, values) => Math.max(largest, maxAbs(values)), 0);
}
