import { statisticsOf, type TensorStatistics } from "./statisticColumns";

/** Reads a range of a tensor's bytes; offsets are relative to the tensor. */
export type ReadRange = (offset: number, length: number) => Promise<Uint8Array>;

/**
 * Statistics of values that were computed and lie in no file, which come in chunks; those of a file are measured by
 * measureTensor.ts. Mean and variance are merged chunk by chunk (Chan, Golub and LeVeque 1983), which stays accurate
 * where a sum of squares cancels.
 */
export class StreamingStatistics {
  private count = 0;
  private mean = 0;
  /** Σ(x - mean)² */
  private squares = 0;
  private min = Number.POSITIVE_INFINITY;
  private max = Number.NEGATIVE_INFINITY;
  private zeros = 0;
  private nan = 0;
  private inf = 0;

  add(values: Float64Array): void {
    let count = 0;
    let sum = 0;
    for (const value of values) {
      if (value - value !== 0) {
        if (Number.isNaN(value)) this.nan++;
        else this.inf++;
        continue;
      }
      count++;
      sum += value;
      if (value === 0) this.zeros++;
      if (value < this.min) this.min = value;
      if (value > this.max) this.max = value;
    }
    if (count > 0) this.merge(values, count, sum / count);
  }

  finish(): TensorStatistics {
    const { count, mean, squares, min, max, zeros, nan, inf } = this;
    return statisticsOf({ count, mean, squares, min, max, zeros, nan, inf });
  }

  private merge(values: Float64Array, count: number, chunkMean: number): void {
    let chunkSquares = 0;
    for (const value of values) {
      if (value - value !== 0) continue;
      const difference = value - chunkMean;
      chunkSquares += difference * difference;
    }
    const total = this.count + count;
    const difference = chunkMean - this.mean;
    this.squares += chunkSquares + (difference * difference * this.count * count) / total;
    this.mean += (difference * count) / total;
    this.count = total;
  }
}
