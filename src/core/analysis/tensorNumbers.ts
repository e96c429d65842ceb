import type { TensorStatistics } from "./statisticColumns";

/** What one pass over a tensor's values tells. Plain data. */
export interface TensorNumbers {
  readonly statistics: TensorStatistics;
  /** Of the finite values; undefined where there is none. */
  readonly histogram?: ValueHistogram;
  /** In ascending order of `share`, see `quantileShares`. Exact; only for dtypes of up to 16 bits, whose codes can be counted. */
  readonly quantiles?: readonly Quantile[];
}

/**
 * Bins of equal width from the least finite value to the largest; the last bin holds its upper edge. A single bin where
 * all values are equal. Exact for dtypes of up to 16 bits; of wider ones, values within a hundredth of an edge may be
 * counted on its other side, which tells little where all values of a large tensor lie closer together than that.
 */
export interface ValueHistogram {
  readonly from: number;
  readonly to: number;
  readonly counts: Float64Array;
}

/** `share` of the finite values are at most `value`. */
export interface Quantile {
  readonly share: number;
  readonly value: number;
}
