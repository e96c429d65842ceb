import { createMatrix, type Matrix } from "../linalg/matrix";
import type { UpdateAnalysis } from "./updateAnalysis";

export interface PlainFactors {
  /** r×in. */
  readonly a: Matrix;
  /** out×r. */
  readonly b: Matrix;
}

/** A singular value below this share of the largest is rounding. */
const negligibleShare = 1e-12;

/**
 * The best factors of a lower rank (Eckart and Young 1936): B = U·√(Σ/s) and A = √(Σ/s)·Vᵀ, balanced, so that
 * `scale`·B·A is the truncated update and 16-bit dtypes lose least.
 *
 * A component without weight gets B = 0 and a row of A of ordinary length: it changes nothing, but can still be
 * trained. √0 in both would never receive a gradient.
 */
export function truncatedFactors(analysis: UpdateAnalysis, rank: number, scale: number): PlainFactors {
  if (analysis.metrics.zero) return untrainedFactors(analysis, rank);
  const values = analysis.singularValues();
  const largest = values[0] ?? 0;
  const left = analysis.leftVectors();
  const right = analysis.rightVectors();
  const a = createMatrix(rank, right.cols);
  const b = createMatrix(left.cols, rank);
  const last = values.findLast((value, k) => k < rank && value > negligibleShare * largest) ?? largest;
  for (let k = 0; k < rank; k++) {
    const value = values[k] ?? 0;
    const hasWeight = value > negligibleShare * largest;
    const weightA = Math.sqrt((hasWeight ? value : last) / scale);
    const weightB = hasWeight ? weightA : 0;
    for (let j = 0; j < right.cols; j++) {
      a.data[k * right.cols + j] = weightA * (right.data[k * right.cols + j] as number);
    }
    for (let i = 0; i < left.cols; i++) {
      b.data[i * rank + k] = weightB * (left.data[k * left.cols + i] as number);
    }
  }
  return { a, b };
}

/** Of an update that is zero there is no best part: its first components are as good as any. */
function untrainedFactors({ factors }: UpdateAnalysis, rank: number): PlainFactors {
  const { a, b } = factors;
  const firstOfB = createMatrix(b.rows, rank);
  for (let i = 0; i < b.rows; i++) {
    for (let k = 0; k < rank; k++) firstOfB.data[i * rank + k] = b.data[i * b.cols + k] as number;
  }
  return { a: createMatrix(rank, a.cols, a.data.slice(0, rank * a.cols)), b: firstOfB };
}
