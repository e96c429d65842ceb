import { decodeTensor } from "../tensors/decode";
import { dtypeBits } from "../tensors/dtype";
import { elementCount, type Tensor } from "../tensors/tensor";

/** Over the finite values of a tensor; where there is none, the numbers are NaN. */
export interface TensorStatistics {
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  /** Population standard deviation. */
  readonly std: number;
  readonly absMax: number;
  /** √Σx² */
  readonly l2: number;
  readonly zeros: number;
  readonly nan: number;
  readonly inf: number;
}

/** Reads a range of a tensor's bytes; offsets are relative to the tensor. */
export type ReadRange = (offset: number, length: number) => Promise<Uint8Array>;

/** Elements decoded at once: 2 MB as doubles. A multiple of 8, so that sub-byte dtypes end on a byte. */
const chunkElements = 256 * 1024;

/**
 * One pass over a tensor in chunks; memory does not grow with its size. Mean and variance are merged chunk by
 * chunk (Chan, Golub and LeVeque 1983), which stays accurate where a sum of squares cancels.
 * @returns undefined for dtypes that have no real values (complex, unknown).
 */
export async function tensorStatistics(
  tensor: Tensor,
  read: ReadRange,
): Promise<TensorStatistics | undefined> {
  const bits = dtypeBits.get(tensor.dtype);
  if (bits === undefined || tensor.dtype === "C64") return undefined;
  const total = elementCount(tensor.shape);
  const statistics = new StreamingStatistics();
  for (let first = 0; first < total; first += chunkElements) {
    const count = Math.min(chunkElements, total - first);
    const bytes = await read((first * bits) / 8, Math.ceil((count * bits) / 8));
    statistics.add(decodeTensor(bytes, tensor.dtype, count));
  }
  return statistics.finish();
}

/** Statistics of values that come in chunks. */
export class StreamingStatistics {
  private count = 0;
  private mean = 0;
  /** Σ(x - mean)² */
  private squares = 0;
  private min = Number.POSITIVE_INFINITY;
  private max = Number.NEGATIVE_INFINITY;
  private sumOfSquares = 0;
  private zeros = 0;
  private nan = 0;
  private inf = 0;

  add(values: Float64Array): void {
    let count = 0;
    let sum = 0;
    let sumOfSquares = 0;
    for (const value of values) {
      if (value - value !== 0) {
        if (Number.isNaN(value)) this.nan++;
        else this.inf++;
        continue;
      }
      count++;
      sum += value;
      sumOfSquares += value * value;
      if (value === 0) this.zeros++;
      if (value < this.min) this.min = value;
      if (value > this.max) this.max = value;
    }
    this.sumOfSquares += sumOfSquares;
    if (count > 0) this.merge(values, count, sum / count);
  }

  finish(): TensorStatistics {
    const { count, min, max, zeros, nan, inf } = this;
    const none = count === 0;
    return {
      min: none ? Number.NaN : min,
      max: none ? Number.NaN : max,
      mean: none ? Number.NaN : this.mean,
      std: none ? Number.NaN : Math.sqrt(this.squares / count),
      absMax: none ? Number.NaN : Math.max(Math.abs(min), Math.abs(max)),
      l2: none ? Number.NaN : Math.sqrt(this.sumOfSquares),
      zeros,
      nan,
      inf,
    };
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
