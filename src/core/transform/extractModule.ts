import { readDifference } from "../base/weightDifference";
import type { WeightPair } from "../base/weightPairs";
import { DenseOperator } from "../linalg/denseOperator";
import { createMatrix, type Matrix } from "../linalg/matrix";
import { randomizedSvd } from "../linalg/randomizedSvd";
import type { ReadTensorRange } from "../tensors/readTensorRange";
import type { PlainFactors } from "../update/truncatedFactors";
import { type ExtractionRule, largestRank, rankOfExtraction, searchSize } from "./extractionRank";

/** One module of an extraction. */
export interface ExtractedModule {
  readonly module: string;
  readonly rank: number;
  /** ‖W - W_base‖_F, and the share of its square that the factors hold. */
  readonly norm: number;
  readonly energyKept: number;
  /** Exactly what the search left unfound, as a share of the energy: beyond it no rank of this size could help. */
  readonly unfound: number;
  readonly relativeToBase: number;
  /** Singular values below are rounding of 16-bit weights. */
  readonly noise: number;
  /** As far as they were found. */
  readonly singularValues: Float64Array;
}

/** The difference of one weight that is to be decomposed. */
export interface ExtractionTask {
  readonly kind: "extract";
  readonly pair: WeightPair;
  readonly rule: ExtractionRule;
  readonly iterations: number;
  /** See `searchStart`. */
  readonly start: Float64Array;
}

/** Draws of a standard normal distribution with which the search in one difference begins. */
export function searchStart({ tuned }: WeightPair, rule: ExtractionRule, normal: () => number): Float64Array {
  const [rows = 0, cols = 0] = tuned.shape;
  return Float64Array.from({ length: Math.min(searchSize(largestRank(rule)), rows, cols) * cols }, normal);
}

/**
 * The leading singular vectors of a difference.
 * @param pause waits, or throws where it was cancelled, before each product.
 * @returns undefined where one of the weights holds NaN or infinity.
 */
export async function extractModule(
  { pair, rule, iterations, start }: ExtractionTask,
  readBase: ReadTensorRange,
  readTuned: ReadTensorRange,
  pause: () => Promise<void>,
): Promise<{ readonly factors: PlainFactors; readonly extracted: ExtractedModule } | undefined> {
  const difference = await readDifference(pair, readBase, readTuned);
  if (!difference.finite) return undefined;
  const { rows, cols, data, norm } = difference;
  const operator = new DenseOperator(rows, cols, data, pause);
  const size = searchSize(largestRank(rule));
  let drawn = 0;
  const normal = () => start[drawn++] as number;
  const { left, values, right } = await randomizedSvd(operator, { size, iterations, normal });
  const rank = rankOfExtraction(rule, values, difference);
  const kept = squares(values.subarray(0, rank));
  const extracted: ExtractedModule = {
    module: pair.module,
    rank,
    norm,
    energyKept: norm === 0 ? 1 : Math.min(kept / (norm * norm), 1),
    unfound: norm === 0 ? 0 : Math.max(1 - squares(values) / (norm * norm), 0),
    relativeToBase: difference.baseNorm === 0 ? Number.NaN : norm / difference.baseNorm,
    noise: difference.noise,
    singularValues: values,
  };
  return { factors: { a: scaledRows(right, values, rank), b: scaledColumns(left, values, rank) }, extracted };
}

/** Σ value². */
export function squares(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value * value, 0);
}

/** √σ_k · row k, for the first rows. */
function scaledRows(vectors: Matrix, values: Float64Array, rank: number): Matrix {
  const { cols } = vectors;
  const result = createMatrix(rank, cols);
  for (let k = 0; k < rank; k++) {
    const weight = Math.sqrt(values[k] as number);
    for (let j = 0; j < cols; j++) {
      result.data[k * cols + j] = weight * (vectors.data[k * cols + j] as number);
    }
  }
  return result;
}

/** The same as columns. */
function scaledColumns(vectors: Matrix, values: Float64Array, rank: number): Matrix {
  const { cols: rows } = vectors;
  const result = createMatrix(rows, rank);
  for (let k = 0; k < rank; k++) {
    const weight = Math.sqrt(values[k] as number);
    for (let i = 0; i < rows; i++)
      result.data[i * rank + k] = weight * (vectors.data[k * rows + i] as number);
  }
  return result;
}
