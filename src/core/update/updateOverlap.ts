import { createMatrix, type Matrix, vectorNorm } from "../linalg/matrix";
import { multiply, multiplyTransposed } from "../linalg/multiply";
import { qrOfTransposed } from "../linalg/qr";
import { singularValuesOf } from "../linalg/singularValues";
import type { UpdateAnalysis } from "./updateAnalysis";

/** Input side: right singular vectors, spaces of what a module reads. Output side: left ones, of what it writes. */
export type Side = "input" | "output";

/** The first `rank` singular vectors as rows. */
export function subspace(analysis: UpdateAnalysis, side: Side, rank: number): Matrix {
  const vectors = side === "input" ? analysis.rightVectors() : analysis.leftVectors();
  return createMatrix(rank, vectors.cols, vectors.data.subarray(0, rank * vectors.cols));
}

/**
 * Angles between two subspaces in radians, smallest first, min(r₁, r₂) of them. Cosines of small angles round to
 * 1: arccos gives 0 for 1e-9. So angles below 45° come from their sines, the singular values of what is left of
 * one basis outside the other (Björck and Golub 1973).
 */
export function principalAngles(first: Matrix, second: Matrix): Float64Array {
  const [wide, narrow] = first.rows >= second.rows ? [first, second] : [second, first];
  const overlap = multiplyTransposed(narrow, wide);
  const cosines = singularValuesOf(overlap);
  const outside = multiply(overlap, wide);
  for (let at = 0; at < outside.data.length; at++) {
    outside.data[at] = (narrow.data[at] as number) - (outside.data[at] as number);
  }
  const sines = singularValuesOf(qrOfTransposed(outside).r).reverse();
  return cosines.map((cosine, k) => {
    const sine = sines[k] ?? 0;
    return cosine * cosine < 0.5 ? Math.acos(Math.min(cosine, 1)) : Math.asin(Math.min(sine, 1));
  });
}

/**
 * How much of one update lies within the spaces of another: ‖P·ΔW·Q‖_F² / ‖ΔW‖_F² for the projections P and Q on
 * the other's output and input spaces. Truncating an update keeps exactly its share of Σσ².
 * @param left uᵢᵀ·u'ⱼ, and `right` vᵢᵀ·v'ⱼ, with the update's vectors i and the other's j.
 * @param values the update's singular values.
 * @param otherRank dimensions of the other's spaces.
 */
export function shareWithin(left: Matrix, right: Matrix, values: Float64Array, otherRank: number): number {
  const norm = vectorNorm(values, 0, values.length);
  if (norm === 0) return 0;
  const projected = new Float64Array(otherRank * otherRank);
  for (let i = 0; i < left.rows; i++) {
    const value = (values[i] as number) / norm;
    for (let j = 0; j < otherRank; j++) {
      const weight = value * (left.data[i * left.cols + j] as number);
      for (let k = 0; k < otherRank; k++) {
        const at = j * otherRank + k;
        projected[at] = (projected[at] as number) + weight * (right.data[i * right.cols + k] as number);
      }
    }
  }
  return Math.min(
    projected.reduce((sum, value) => sum + value * value, 0),
    1,
  );
}
