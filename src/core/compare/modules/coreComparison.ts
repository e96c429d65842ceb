import { productOfColumns } from "../../linalg/gram";
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
 * The products of pairs of updates by their place in a list, and the Gram matrices that each of them needs itself: a factor
 * is brought into the cache once for all of them. Undefined for pairs of other shapes than the first update's.
 */
export function productsOfPairs(
  analyses: readonly (UpdateAnalysis | undefined)[],
  pairs: readonly OperandPair[],
): readonly (FactorProducts | undefined)[] {
  const first = analyses.find((analysis) => analysis !== undefined);
  const isUsable = (analysis: UpdateAnalysis | undefined): analysis is UpdateAnalysis =>
    analysis !== undefined && analysis.rows === first?.rows && analysis.cols === first.cols;
  const own = analyses.filter(isUsable);
  const operandOf = new Map(own.map((analysis, at) => [analysis, at]));
  const numberOf = (at: number) => operandOf.get(analyses[at] as UpdateAnalysis) as number;
  const asked = pairs.filter(([a, b]) => isUsable(analyses[a]) && isUsable(analyses[b]));
  if (asked.length === 0) return [];
  const operandPairs = [
    ...own.map((_, at) => [at, at] as const),
    ...asked.map(([a, b]) => [numberOf(a), numberOf(b)] as const),
  ];
  const left = pairProducts(
    own.map(({ factors }) => columnVectors(factors.b)),
    operandPairs,
  );
  const right = pairProducts(
    own.map(({ factors }) => rowVectors(factors.a)),
    operandPairs,
  );
  const productsAt = (at: number) => ({ left: left[at] as Matrix, right: right[at] as Matrix });
  for (const [at, analysis] of own.entries()) {
    const { left: b, right: a } = productsAt(at);
    analysis.takeGrams({ a, b });
  }
  return pairs.map((pair) => {
    const at = asked.indexOf(pair);
    return at < 0 ? undefined : productsAt(own.length + at);
  });
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
  const products = known ?? {
    left: productOfColumns(first.factors.b, second.factors.b),
    right: multiplyTransposed(first.factors.a, second.factors.a),
  };
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
