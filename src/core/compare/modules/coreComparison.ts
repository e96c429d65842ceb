import { columnVectors, pairProducts, rowVectors } from "../../linalg/innerProducts";
import { frobeniusNorm, type Matrix, submatrix, transpose } from "../../linalg/matrix";
import { multiply, multiplyTransposed } from "../../linalg/multiply";
import type { OperandPair } from "../../linalg/panels";
import { solveTransposedUpper, solveUpperFromRight } from "../../linalg/triangular";
import type { GramCore, UpdateAnalysis } from "../../update/updateAnalysis";

/** What two updates have in common, from inner products of their factors alone. */
export interface CoreComparison {
  readonly inner: number;
  readonly distance: number;
  readonly subspaceSimilarity: number;
  readonly energyKept: number;
  readonly newShare: number;
}

/** B₁ᵀB₂ and A₁A₂ᵀ of two updates. */
export interface FactorProducts {
  readonly left: Matrix;
  readonly right: Matrix;
}

/**
 * The products of pairs of updates by their place in a list: each factor is brought into the cache once for all of its
 * pairs. Undefined for pairs that `compareCores` has no use for.
 */
export function productsOfPairs(
  analyses: readonly (UpdateAnalysis | undefined)[],
  pairs: readonly OperandPair[],
): readonly (FactorProducts | undefined)[] {
  const [shape] = analyses.flatMap((analysis) => analysis ?? []);
  const usable = [...analyses.entries()].flatMap(([at, analysis]) => {
    const isUsable =
      analysis !== undefined &&
      analysis.rows === shape?.rows &&
      analysis.cols === shape.cols &&
      usableCore(analysis) !== undefined;
    return isUsable ? [{ at, factors: analysis.factors }] : [];
  });
  const operandAt = new Map(usable.map(({ at }, operand) => [at, operand]));
  const asked = [...pairs.entries()].flatMap(([index, [a, b]]) => {
    const [x, y] = [operandAt.get(a), operandAt.get(b)];
    return x === undefined || y === undefined ? [] : [{ index, operands: [x, y] as const }];
  });
  const operandPairs = asked.map(({ operands }) => operands);
  const left = pairProducts(
    usable.map(({ factors }) => columnVectors(factors.b)),
    operandPairs,
  );
  const right = pairProducts(
    usable.map(({ factors }) => rowVectors(factors.a)),
    operandPairs,
  );
  const found: (FactorProducts | undefined)[] = pairs.map(() => undefined);
  for (const [at, { index }] of asked.entries()) {
    found[index] = { left: left[at] as Matrix, right: right[at] as Matrix };
  }
  return found;
}

/** ‖1‖² + ‖2‖² - 2⟨1,2⟩ keeps ten digits of a relative distance of 1e-3; closer updates need another way. */
const smallestRelativeDistance = 1e-3;

/**
 * The numbers of `compareUpdates` at a fifth of the cost, without singular vectors: with orthonormal bases of their
 * spaces, L = Q_b₁ᵀQ_b₂ = R_b₁⁻ᵀ(B₁ᵀB₂)R_b₂⁻¹ and R likewise for A, every number is one of the small cores:
 * ⟨ΔW₁, ΔW₂⟩ = ⟨C₁, L·C₂·Rᵀ⟩, and the part of ΔW₁ within the other's spaces has the norm of Lᵀ·C₁·R.
 * Undefined where digits would be lost: nearly dependent components, a rank that rounding decides, updates that are
 * nearly equal.
 */
export function compareCores(
  first: UpdateAnalysis,
  second: UpdateAnalysis,
  known?: FactorProducts,
): CoreComparison | undefined {
  const core1 = usableCore(first);
  const core2 = core1 === undefined ? undefined : usableCore(second);
  if (core1 === undefined || core2 === undefined) return undefined;
  const [products = known] = known === undefined ? productsOfPairs([first, second], [[0, 1]]) : [];
  if (products === undefined) return undefined;
  const left = inBases(products.left, core1, core2, "rb");
  const right = inBases(products.right, core1, core2, "ra");
  const secondInFirst = multiplyTransposed(multiply(left, core2.core), right);
  const firstInSecond = multiply(multiply(transpose(left), core1.core), right);
  const [norm1, norm2] = [first.metrics.frobenius, second.metrics.frobenius];
  const inner = secondInFirst.data.reduce(
    (sum, value, at) => sum + value * (core1.core.data[at] as number),
    0,
  );
  const square = norm1 * norm1 + norm2 * norm2 - 2 * inner;
  if (!(square > (smallestRelativeDistance * Math.max(norm1, norm2)) ** 2)) return undefined;
  const dimensions = Math.min(core1.live.length, core2.live.length);
  return {
    inner,
    distance: Math.sqrt(square),
    subspaceSimilarity: frobeniusNorm(right) ** 2 / dimensions,
    energyKept: Math.min((frobeniusNorm(firstInSecond) / norm1) ** 2, 1),
    newShare: Math.max(1 - (frobeniusNorm(secondInFirst) / norm2) ** 2, 0),
  };
}

/** Only where every component counts: bases of the numerical rank would be others. */
function usableCore({ gramCore, metrics }: UpdateAnalysis): GramCore | undefined {
  return gramCore !== undefined && gramCore.live.length === metrics.numericalRank ? gramCore : undefined;
}

/** Q₁ᵀQ₂ of the inner products of components. */
function inBases(products: Matrix, first: GramCore, second: GramCore, which: "ra" | "rb"): Matrix {
  const result = submatrix(products, first.live, second.live);
  solveTransposedUpper(first[which], result);
  solveUpperFromRight(second[which], result);
  return result;
}
