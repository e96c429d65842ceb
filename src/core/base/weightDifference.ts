import type { ReadTensorRange } from "../tensors/readTensorRange";
import { readValues } from "../tensors/readValues";
import { elementCount } from "../tensors/tensor";
import { unitRoundoff } from "../update/dtypeRounding";
import type { WeightPair } from "./weightPairs";

/** What a difference of two weights holds beside its values. */
export interface DifferenceNumbers {
  /** ‖W - W_base‖_F and ‖W_base‖_F. */
  readonly norm: number;
  readonly baseNorm: number;
  /** Share of the elements that did not change at all. */
  readonly unchanged: number;
  readonly finite: boolean;
  /**
   * σ₁ of the noise that rounding both weights to 16 bits puts into the difference, √2·ε·(√m + √n) with ε the
   * standard deviation of the rounding of W's values (lora.md §1.6): smaller singular values mean nothing.
   */
  readonly noise: number;
}

export interface WeightDifference extends DifferenceNumbers {
  readonly rows: number;
  readonly cols: number;
  /** In single precision, exact where both weights have 16 bits and are of similar size. */
  readonly data: Float32Array;
}

/** Values decoded at once: two times 8 MB. A multiple of 8, so that a chunk ends on a byte. */
const chunkValues = 1024 * 1024;

/** Reads both weights piece by piece and keeps their difference. */
export async function readDifference(
  pair: WeightPair,
  readBase: ReadTensorRange,
  readTuned: ReadTensorRange,
): Promise<WeightDifference> {
  const [rows = 0, ...rest] = pair.tuned.shape;
  const data = new Float32Array(elementCount(pair.tuned.shape));
  const numbers = await scanDifference(pair, readBase, readTuned, (first, values) => data.set(values, first));
  return { ...numbers, rows, cols: elementCount(rest), data };
}

/** The same without keeping the values: for tensors that will not be decomposed. */
export async function scanDifference(
  { base, tuned }: WeightPair,
  readBase: ReadTensorRange,
  readTuned: ReadTensorRange,
  keep?: (first: number, values: Float64Array) => void,
): Promise<DifferenceNumbers> {
  const total = elementCount(tuned.shape);
  let square = 0;
  let baseSquare = 0;
  let same = 0;
  let roundingSquare = 0;
  const roundoff = unitRoundoff(tuned.dtype);
  for (let first = 0; first < total; first += chunkValues) {
    const count = Math.min(chunkValues, total - first);
    const [x, y] = await Promise.all([
      readValues(base, first, count, readBase),
      readValues(tuned, first, count, readTuned),
    ]);
    for (let i = 0; i < count; i++) {
      const before = x[i] as number;
      const after = y[i] as number;
      const difference = after - before;
      baseSquare += before * before;
      square += difference * difference;
      if (difference === 0) same++;
      // The step between neighbouring values of the dtype, at this value.
      const step = 2 * roundoff * 2 ** Math.floor(Math.log2(Math.abs(after) || 1e-300));
      roundingSquare += step * step;
      y[i] = difference;
    }
    keep?.(first, y);
  }
  const [rows = 0, ...rest] = tuned.shape;
  const cols = elementCount(rest);
  const deviation = Math.sqrt(roundingSquare / Math.max(total, 1) / 12);
  const roundings = unitRoundoff(base.dtype) >= roundoff ? 2 : 1;
  return {
    norm: Math.sqrt(square),
    baseNorm: Math.sqrt(baseSquare),
    unchanged: total === 0 ? 1 : same / total,
    finite: Number.isFinite(square) && Number.isFinite(baseSquare),
    noise: roundoff > 1e-6 ? Math.sqrt(roundings) * deviation * (Math.sqrt(rows) + Math.sqrt(cols)) : 0,
  };
}
