import type { Matrix } from "../linalg/matrix";
import { multiply } from "../linalg/multiply";
import type { UpdateAnalysis } from "./updateAnalysis";

/** Norms of rows and columns, for a profile of where a module's update is large. Plain data. */
export interface FactorNorms {
  /** Of A's rows: one for each component. */
  readonly componentsOfA: NormProfile;
  /** Of A's columns: one for each input. */
  readonly inputsOfA: NormProfile;
  /** Of B's columns: one for each component. */
  readonly componentsOfB: NormProfile;
  /** Of B's rows: one for each output. */
  readonly outputsOfB: NormProfile;
  /** Of the rows of ΔW. */
  readonly outputs: NormProfile;
  /** Of the columns of ΔW. */
  readonly inputs: NormProfile;
}

/** Norms in order; where there are too many to show, the largest of each `stride` neighbours. */
export interface NormProfile {
  readonly values: Float32Array;
  readonly stride: number;
  /** How many norms there are before they are thinned out. */
  readonly count: number;
}

/** An embedding has 128,000 rows; a chart has some hundred pixels. */
const maxProfileValues = 2048;

/**
 * ΔW is not formed: the squared norm of its row i is s²·bᵢ·(A·Aᵀ)·bᵢᵀ, and that of its column j s²·aⱼᵀ·(BᵀB)·aⱼ.
 */
export function factorNorms(analysis: UpdateAnalysis): FactorNorms {
  const { factors, grams } = analysis;
  const { a, b, scale } = factors;
  return {
    componentsOfA: profile(diagonalRoots(grams.a)),
    inputsOfA: profile(columnNorms(a, a, 1)),
    componentsOfB: profile(diagonalRoots(grams.b)),
    outputsOfB: profile(rowNorms(b, b, 1)),
    outputs: profile(rowNorms(b, multiply(b, grams.a), scale)),
    inputs: profile(columnNorms(a, multiply(grams.b, a), scale)),
  };
}

function diagonalRoots({ rows, data }: Matrix): Float64Array {
  return Float64Array.from({ length: rows }, (_, k) => Math.sqrt(data[k * rows + k] as number));
}

/** |factor|·√Σ_k x_ik·y_ik for each row i. */
function rowNorms(x: Matrix, y: Matrix, factor: number): Float64Array {
  return Float64Array.from({ length: x.rows }, (_, i) => {
    let sum = 0;
    for (let at = i * x.cols; at < (i + 1) * x.cols; at++) {
      sum += (x.data[at] as number) * (y.data[at] as number);
    }
    return Math.abs(factor) * Math.sqrt(Math.max(sum, 0));
  });
}

/** |factor|·√Σ_i x_ij·y_ij for each column j. */
function columnNorms(x: Matrix, y: Matrix, factor: number): Float64Array {
  const sums = new Float64Array(x.cols);
  for (let i = 0; i < x.rows; i++) {
    for (let j = 0; j < x.cols; j++) {
      const at = i * x.cols + j;
      sums[j] = (sums[j] as number) + (x.data[at] as number) * (y.data[at] as number);
    }
  }
  return sums.map((sum) => Math.abs(factor) * Math.sqrt(Math.max(sum, 0)));
}

function profile(norms: Float64Array): NormProfile {
  const stride = Math.max(1, Math.ceil(norms.length / maxProfileValues));
  const values = new Float32Array(Math.ceil(norms.length / stride));
  norms.forEach((norm, index) => {
    const bin = Math.floor(index / stride);
    values[bin] = Math.max(values[bin] as number, norm);
  });
  return { values, stride, count: norms.length };
}
