import type { Matrix } from "../linalg/matrix";
import { formatNumber } from "../text/quantities";
import { rmsRounding } from "./dtypeRounding";
import { type FactorShape, factorShape, roundingOfAngles } from "./factorShape";
import { describeInitialisation, isClamped, isConverted, isUpperTriangular } from "./factorTraces";
import type { UpdateAnalysis } from "./updateAnalysis";

/**
 * What made the two factors of a module, as far as they still show it (lora.md §1.1, §1.2, §1.5):
 * - `initialised`: B or A is zero, or both are not and their product is: nothing was trained.
 * - `balanced`: an SVD product that shares √σ between both factors (PiSSA, mergekit, LQ-LoRA).
 * - `right-orthonormal`: A = Vᵀ, B = U·σ (kohya, PEFT's convert_to_lora, LoRD).
 * - `left-orthonormal`: B = U, A = σ·Vᵀ.
 * - `diagonal`: an SVD product with another share.
 * - `olora`: B = Q and A = R of a QR decomposition.
 * - `corda`: only the columns of B are orthogonal.
 * - `clamped`: kohya's extraction, which cuts off the largest values.
 * - `converted`: PEFT's conversion of a PiSSA, OLoRA or CorDA adapter: the trained factors and the negated start.
 * - `orthonormal-a`: trained from rows of A that are still orthonormal (EVA, LoRA-GA, a frozen A).
 * - `trained`: none of these.
 */
export type FingerprintKind =
  | "initialised"
  | "balanced"
  | "right-orthonormal"
  | "left-orthonormal"
  | "diagonal"
  | "olora"
  | "corda"
  | "clamped"
  | "converted"
  | "orthonormal-a"
  | "trained";

export type Confidence = "high" | "medium" | "low";

export interface ModuleFingerprint {
  readonly kind: FingerprintKind;
  readonly confidence: Confidence;
  /** What was measured, as part of a sentence. Worded when asked for: formatting costs more than measuring. */
  evidence(): string;
  /** ‖G - diag G‖_F / ‖G‖_F of A·Aᵀ and of BᵀB. */
  readonly offDiagonalA: number;
  readonly offDiagonalB: number;
  /** Of an untrained pair: which initialisation it has. */
  readonly initialisation?: string;
}

/** Drift of 0.1 % hides in the rounding of 16 bits; in 32 bits it shows. */
const certainOffDiagonal = 1e-5;

/** Relative difference of squared lengths that still counts as a balanced pair. */
const balanceLimit = 2e-3;

/** Extractions that clamp measure 1e-2; trained factors may too, but repeat no extreme value. */
const clampedRange = [5e-4, 8e-2] as const;

/**
 * Classifies one module by its factors, in linear time. Undefined where they cannot tell: a single component is
 * orthogonal to nothing, and factors that are not finite have no angles.
 * @param dtype of the stored factors; it bounds what can be seen.
 */
export function fingerprintOf(analysis: UpdateAnalysis, dtype: string): ModuleFingerprint | undefined {
  const { factors, grams } = analysis;
  if (!analysis.metrics.finite) return undefined;
  const rounding = rmsRounding(dtype);
  const a = factorShape(grams.a, factors.a.cols, rounding);
  const b = factorShape(grams.b, factors.b.rows, rounding);
  const shape: Shape = { a, b, rank: factors.a.rows, rounding };
  if (a.zero || b.zero) return untrained(analysis, shape);
  if (shape.rank < 2) return undefined;
  return (
    vanishing(analysis, shape) ??
    product(analysis, shape) ??
    clamped(analysis, shape) ??
    halfOrthogonal(shape) ??
    trained(shape)
  );
}

interface Shape {
  readonly a: FactorShape;
  readonly b: FactorShape;
  readonly rank: number;
  readonly rounding: number;
}

function untrained({ factors }: UpdateAnalysis, { a, b }: Shape): ModuleFingerprint {
  const which = a.zero && b.zero ? "A and B are" : b.zero ? "B is" : "A is";
  const initialisation = describeInitialisation(factors, a, b);
  return {
    kind: "initialised",
    confidence: "high",
    evidence: () => `${which} all zeros`,
    offDiagonalA: a.offDiagonal,
    offDiagonalB: b.offDiagonal,
    ...(initialisation === undefined ? {} : { initialisation }),
  };
}

/** Factors that cancel: PEFT's orthogonal initialisation, or a converted adapter whose halves nearly do. */
function vanishing(analysis: UpdateAnalysis, shape: Shape): ModuleFingerprint | undefined {
  const { factors, grams, metrics } = analysis;
  const { a, b, rank, rounding } = shape;
  if (isConverted(grams.a, grams.b)) {
    const evidence = () => "the second half of the components repeats the first, negated";
    return fingerprint("converted", "high", evidence, shape);
  }
  // A scale of 0 makes any update vanish, and says nothing of the factors.
  if (factors.scale === 0) return undefined;
  const largest = Math.abs(factors.scale) * rank * Math.sqrt(a.meanSquare * b.meanSquare);
  if (metrics.frobenius > Math.max(5 * rounding, 1e-6) * largest) return undefined;
  const evidence = () =>
    `B·A vanishes (${formatNumber(metrics.frobenius / largest, 2)} of ‖B‖‖A‖) although neither factor does`;
  return { ...fingerprint("initialised", "medium", evidence, shape), initialisation: "orthogonal" };
}

function product(analysis: UpdateAnalysis, shape: Shape): ModuleFingerprint | undefined {
  const { factors, grams } = analysis;
  const { a, b } = shape;
  if (b.isOrthonormal && isUpperTriangular(factors.a)) {
    return fingerprint("olora", "high", () => "B has orthonormal columns and A is upper triangular", shape);
  }
  if (a.isOrthogonal && b.isOrthogonal) {
    const kind = productKind(shape, grams.a, grams.b);
    const off = Math.max(a.offDiagonal, b.offDiagonal);
    const expected = Math.max(certainOffDiagonal, 3 * expectedOffDiagonal(analysis, shape));
    const evidence = () => `${productEvidence[kind]} (off-diagonal share ${formatNumber(off, 2)})`;
    if (shape.rounding < 1e-5 && off <= expected) return fingerprint(kind, "high", evidence, shape);
    const hidden = off <= expected ? ", which rounding would hide" : "";
    return fingerprint(kind, "medium", () => `${evidence()}; or barely trained${hidden}`, shape);
  }
  return undefined;
}

function halfOrthogonal(shape: Shape): ModuleFingerprint | undefined {
  const { a, b } = shape;
  if (b.isOrthogonal && !b.isOrthonormal) {
    const evidence = () =>
      `the columns of B are orthogonal (off-diagonal share ${formatNumber(b.offDiagonal, 2)}), the rows of A are not`;
    return fingerprint("corda", "medium", evidence, shape);
  }
  if (a.isOrthonormal) {
    return fingerprint(
      "orthonormal-a",
      "medium",
      () => "the rows of A are still orthonormal, B was trained",
      shape,
    );
  }
  return undefined;
}

type ProductKind = "balanced" | "right-orthonormal" | "left-orthonormal" | "diagonal";

const productEvidence: Record<ProductKind, string> = {
  balanced: "rows of A and columns of B are orthogonal and of equal length",
  "right-orthonormal": "rows of A are orthonormal, columns of B orthogonal",
  "left-orthonormal": "columns of B are orthonormal, rows of A orthogonal",
  diagonal: "rows of A and columns of B are orthogonal",
};

function productKind({ a, b }: Shape, gramA: Matrix, gramB: Matrix): ProductKind {
  if (isBalanced(gramA, gramB)) return "balanced";
  if (a.isOrthonormal) return "right-orthonormal";
  return b.isOrthonormal ? "left-orthonormal" : "diagonal";
}

function isBalanced(gramA: Matrix, gramB: Matrix): boolean {
  const r = gramA.rows;
  const diagonal = ({ data }: Matrix, k: number) => data[k * r + k] as number;
  let longest = 0;
  for (let k = 0; k < r; k++) longest = Math.max(longest, diagonal(gramA, k), diagonal(gramB, k));
  for (let k = 0; k < r; k++) {
    const [x, y] = [diagonal(gramA, k), diagonal(gramB, k)];
    const longer = Math.max(x, y);
    // Components without weight may be anything.
    if (longer > 1e-12 * longest && Math.abs(x - y) > balanceLimit * longer) return false;
  }
  return true;
}

function expectedOffDiagonal({ factors }: UpdateAnalysis, { rank, rounding }: Shape): number {
  return roundingOfAngles(rank, Math.min(factors.a.cols, factors.b.rows), rounding);
}

/** One factor may keep its values: those of U·σ are often all below the common limit. */
function clamped({ factors }: UpdateAnalysis, shape: Shape): ModuleFingerprint | undefined {
  const { offDiagonal: offA } = shape.a;
  const { offDiagonal: offB } = shape.b;
  const [low, high] = clampedRange;
  const off = Math.max(offA, offB);
  if (off < low || off > high) return undefined;
  const isCut = (factor: Matrix, own: number) => own >= low && isClamped(factor);
  if (!isCut(factors.a, offA) && !isCut(factors.b, offB)) return undefined;
  const evidence = () =>
    `nearly orthogonal factors (off-diagonal share ${formatNumber(off, 2)}) whose largest value repeats, as after clamping`;
  return fingerprint("clamped", "medium", evidence, shape);
}

function trained(shape: Shape): ModuleFingerprint {
  const off = Math.max(shape.a.offDiagonal, shape.b.offDiagonal);
  const evidence = () =>
    `components are not orthogonal (off-diagonal share of A ${formatNumber(shape.a.offDiagonal, 2)}, of B ${formatNumber(shape.b.offDiagonal, 2)})`;
  return fingerprint("trained", off > 3e-2 ? "high" : "medium", evidence, shape);
}

function fingerprint(
  kind: FingerprintKind,
  confidence: Confidence,
  evidence: () => string,
  { a, b }: Shape,
): ModuleFingerprint {
  return { kind, confidence, evidence, offDiagonalA: a.offDiagonal, offDiagonalB: b.offDiagonal };
}
