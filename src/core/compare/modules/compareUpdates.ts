import {
  createMatrix,
  frobeniusNorm,
  type Matrix,
  transpose,
  valuesOf,
  vectorNorm,
} from "../../linalg/matrix";
import { multiply, multiplyTransposed } from "../../linalg/multiply";
import { factorHealth } from "../../update/factorHealth";
import type { Factors } from "../../update/factors";
import type { UpdateAnalysis } from "../../update/updateAnalysis";
import { type Side, shareWithin } from "../../update/updateOverlap";
import { compareCores, type FactorProducts } from "./coreComparison";

/**
 * How two updates of one module differ. All numbers are of ΔW, so they do not depend on how a product is split
 * into A and B: (B·G)(G⁻¹·A) is the same update. What cannot be said is undefined, and `reason` says why.
 */
export interface UpdateComparison {
  /** ⟨ΔW₁, ΔW₂⟩ / (‖ΔW₁‖ ‖ΔW₂‖), between -1 and 1. Undefined when either is zero. */
  readonly cosine: number | undefined;
  /** ‖ΔW₂ - ΔW₁‖_F / ‖ΔW₁‖_F. Undefined when the first is zero. */
  readonly relativeChange: number | undefined;
  /**
   * φ of the input sides, between 0 (orthogonal) and 1 (one contains the other): ‖V₁ᵀ·V₂‖_F² / min(r₁, r₂)
   * over the right singular vectors of ΔW up to the numerical ranks. Hu et al. 2021 (arXiv 2106.09685, §7.2)
   * compare the right singular vectors of A, which span the same space. Undefined when either is zero.
   */
  readonly subspaceSimilarity: number | undefined;
  /** ‖ΔW₂ - ΔW₁‖_F. */
  readonly distance: number | undefined;
  /**
   * Share of the energy (Σσ²) of ΔW₁ that lies in the spaces of ΔW₂: what a truncation kept, or what of the old
   * update the new one can still express. Undefined when either is zero.
   */
  readonly energyKept: number | undefined;
  /** Share of the energy of ΔW₂ outside of the spaces of ΔW₁: what is new. Undefined when either is zero. */
  readonly newShare: number | undefined;
  /**
   * `bytes`: the same factors. `gauge`: other factors of the same update, (B·G)(G⁻¹·A), up to the rounding of
   * their dtype. Undefined where they differ.
   */
  readonly sameness: "bytes" | "gauge" | undefined;
  /** ⟨ΔW₁, ΔW₂⟩: sums over modules, with norms, to the cosine of whole adapters. */
  readonly inner: number | undefined;
  readonly reason: string | undefined;
}

/**
 * Compares two updates of equal shape; their ranks may differ.
 *
 * The distance works on both products at once. Expanding it to ‖1‖² + ‖2‖² - 2⟨1,2⟩ is off by 160 % at a
 * relative distance of 1e-8; this form keeps 15 digits of the norms. With P = U₁ᵀU₂, the part of ΔW₂ outside
 * the column space of ΔW₁ is orthogonal to the rest, so ‖ΔW₁ - ΔW₂‖² = ‖Σ₁V₁ᵀ - PΣ₂V₂ᵀ‖² + ‖(U₂ - U₁P)Σ₂‖²:
 * what a QR of the stacked factors [B₁, -B₂] and [A₁; A₂] computes, at a third of its cost, because U₁ is
 * orthonormal already and serves every comparison of its module.
 * @param products of the two, where they are known already.
 */
export function compareUpdates(
  first: UpdateAnalysis,
  second: UpdateAnalysis,
  products?: FactorProducts,
): UpdateComparison {
  const obstacle = obstacleTo(first, second);
  if (obstacle !== undefined) return { ...notCompared, reason: obstacle };
  const [norm1, norm2] = [first.metrics.frobenius, second.metrics.frobenius];
  if (first.metrics.zero || second.metrics.zero) {
    const distance = Math.max(norm1, norm2);
    return {
      ...notCompared,
      relativeChange: first.metrics.zero ? undefined : distance / norm1,
      distance,
      inner: 0,
      reason: zeroReason(first, second),
    };
  }
  if (isSameData(first.factors, second.factors)) return { ...unchanged, inner: norm1 * norm2 };
  const quick = compareCores(first, second, products);
  if (quick !== undefined) {
    return {
      ...quick,
      cosine: clamp(quick.inner / norm1 / norm2, -1, 1),
      relativeChange: quick.distance / norm1,
      subspaceSimilarity: clamp(quick.subspaceSimilarity, 0, 1),
      sameness: undefined,
      reason: undefined,
    };
  }
  const overlapLeft = multiplyTransposed(first.leftVectors(), second.leftVectors());
  const overlapRight = multiplyTransposed(first.rightVectors(), second.rightVectors());
  const cosine = clamp(cosineOf(first, second, overlapLeft, overlapRight), -1, 1);
  const distance = distanceOf(first, second, overlapLeft);
  return {
    cosine,
    relativeChange: distance / norm1,
    subspaceSimilarity: similarityOf(first, second, overlapRight),
    distance,
    energyKept: shareWithin(overlapLeft, overlapRight, first.singularValues(), second.metrics.numericalRank),
    newShare:
      1 -
      shareWithin(
        transpose(overlapLeft),
        transpose(overlapRight),
        second.singularValues(),
        first.metrics.numericalRank,
      ),
    sameness: isGauge(first, second, distance / norm1) ? "gauge" : undefined,
    inner: cosine * norm1 * norm2,
    reason: undefined,
  };
}

/**
 * A difference that rounding the factors explains, between factors that differ by much more. Factors that agree
 * nearly value by value are two moments of one training, however close.
 */
function isGauge(first: UpdateAnalysis, second: UpdateAnalysis, relativeChange: number): boolean {
  const rounding = Math.max(first.factors.rounding ?? 0, second.factors.rounding ?? 0, Number.EPSILON);
  const cancellation = (factorHealth(first)?.cancellation ?? 1) + (factorHealth(second)?.cancellation ?? 1);
  if (relativeChange > Math.max(2 * rounding * cancellation, 1e-12)) return false;
  const moved = relativeDistance(first.factors.a, second.factors.a);
  return moved > 10 * Math.max(relativeChange, rounding);
}

function relativeDistance(x: Matrix, y: Matrix): number {
  if (x.rows !== y.rows || x.cols !== y.cols) return Number.POSITIVE_INFINITY;
  const difference = x.data.map((value, at) => value - (y.data[at] as number));
  return vectorNorm(difference, 0, difference.length) / frobeniusNorm(x);
}

/**
 * φ(i, j) = ‖V₁[:, :i]ᵀ·V₂[:, :j]‖_F² / min(i, j) for all i and j up to the numerical ranks, at row i - 1 and
 * column j - 1 (Hu et al. 2021, §7.2, figure 3): `input` compares right singular vectors as the paper does,
 * `output` left ones. Undefined when the updates cannot be compared or either is zero.
 */
export function subspaceMap(first: UpdateAnalysis, second: UpdateAnalysis, side: Side): Matrix | undefined {
  if (obstacleTo(first, second) !== undefined || first.metrics.zero || second.metrics.zero) return undefined;
  const overlap =
    side === "input"
      ? multiplyTransposed(first.rightVectors(), second.rightVectors())
      : multiplyTransposed(first.leftVectors(), second.leftVectors());
  const map = createMatrix(first.metrics.numericalRank, second.metrics.numericalRank);
  const columnSums = new Float64Array(map.cols);
  for (let i = 0; i < map.rows; i++) {
    let total = 0;
    for (let j = 0; j < map.cols; j++) {
      const cosine = overlap.data[i * overlap.cols + j] as number;
      columnSums[j] = (columnSums[j] as number) + cosine * cosine;
      total += columnSums[j] as number;
      map.data[i * map.cols + j] = clamp(total / (Math.min(i, j) + 1), 0, 1);
    }
  }
  return map;
}

/** Of two updates that cannot be compared nothing is said. */
export const notCompared: UpdateComparison = {
  cosine: undefined,
  relativeChange: undefined,
  subspaceSimilarity: undefined,
  distance: undefined,
  energyKept: undefined,
  newShare: undefined,
  sameness: undefined,
  inner: undefined,
  reason: undefined,
};

/** Of two files with equal bytes nobody wants to read that they differ by 1e-15. */
const unchanged: UpdateComparison = {
  ...notCompared,
  cosine: 1,
  relativeChange: 0,
  subspaceSimilarity: 1,
  distance: 0,
  energyKept: 1,
  newShare: 0,
  sameness: "bytes",
};

function isSameData(first: Factors, second: Factors): boolean {
  return first.scale === second.scale && isEqual(first.a, second.a) && isEqual(first.b, second.b);
}

function isEqual(first: Matrix, second: Matrix): boolean {
  if (first.rows !== second.rows || first.cols !== second.cols) return false;
  const [before, after] = [valuesOf(first), valuesOf(second)];
  for (let at = 0; at < before.length; at++) if (before[at] !== after[at]) return false;
  return true;
}

function obstacleTo(first: UpdateAnalysis, second: UpdateAnalysis): string | undefined {
  if (first.rows !== second.rows || first.cols !== second.cols) {
    const shapes = `${first.rows} × ${first.cols} and ${second.rows} × ${second.cols}`;
    return `The updates have different shapes, ${shapes}.`;
  }
  if (!first.metrics.finite) return "The first update is not finite.";
  return second.metrics.finite ? undefined : "The second update is not finite.";
}

function zeroReason(first: UpdateAnalysis, second: UpdateAnalysis): string {
  if (first.metrics.zero && second.metrics.zero) return "Both updates are zero.";
  return first.metrics.zero ? "The first update is zero." : "The second update is zero.";
}

function cosineOf(first: UpdateAnalysis, second: UpdateAnalysis, left: Matrix, right: Matrix): number {
  const relative1 = relativeValues(first);
  const relative2 = relativeValues(second);
  let sum = 0;
  for (let i = 0; i < left.rows; i++) {
    let row = 0;
    for (let j = 0; j < left.cols; j++) {
      const at = i * left.cols + j;
      row += (left.data[at] as number) * (right.data[at] as number) * (relative2[j] as number);
    }
    sum += row * (relative1[i] as number);
  }
  return sum;
}

/** σ / ‖ΔW‖_F */
function relativeValues(analysis: UpdateAnalysis): Float64Array {
  return analysis.singularValues().map((value) => value / analysis.metrics.frobenius);
}

function distanceOf(first: UpdateAnalysis, second: UpdateAnalysis, overlap: Matrix): number {
  const values2 = second.singularValues();
  const inside = multiply(columnsScaled(overlap, values2), second.rightVectors());
  subtractFromRows(inside, first.rightVectors(), first.singularValues());
  const outside = multiply(transpose(overlap), first.leftVectors());
  subtractFromRows(outside, second.leftVectors(), undefined);
  let outsideNorm = 0;
  for (let j = 0; j < outside.rows; j++) {
    const norm = vectorNorm(outside.data, j * outside.cols, (j + 1) * outside.cols);
    outsideNorm = Math.hypot(outsideNorm, norm * (values2[j] as number));
  }
  return Math.hypot(vectorNorm(inside.data, 0, inside.data.length), outsideNorm);
}

function columnsScaled(matrix: Matrix, factors: Float64Array): Matrix {
  const { rows, cols, data } = matrix;
  return createMatrix(
    rows,
    cols,
    data.map((value, at) => value * (factors[at % cols] as number)),
  );
}

/** Row i of `target` becomes itself minus factors[i] (or 1) times row i of `source`. */
function subtractFromRows(target: Matrix, source: Matrix, factors: Float64Array | undefined): void {
  const { rows, cols } = target;
  for (let i = 0; i < rows; i++) {
    const factor = factors === undefined ? 1 : (factors[i] as number);
    for (let at = i * cols; at < (i + 1) * cols; at++) {
      target.data[at] = (target.data[at] as number) - factor * (source.data[at] as number);
    }
  }
}

function similarityOf(first: UpdateAnalysis, second: UpdateAnalysis, overlap: Matrix): number {
  const rank1 = first.metrics.numericalRank;
  const rank2 = second.metrics.numericalRank;
  let square = 0;
  for (let i = 0; i < rank1; i++) {
    for (let j = 0; j < rank2; j++) square += (overlap.data[i * overlap.cols + j] as number) ** 2;
  }
  return clamp(square / Math.min(rank1, rank2), 0, 1);
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high);
}
