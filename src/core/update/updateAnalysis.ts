import { gramOfColumns, gramOfRows } from "../linalg/gram";
import {
  createMatrix,
  frobeniusNorm,
  type Matrix,
  maxAbs,
  powerOfTwoNear,
  submatrix,
  transpose,
} from "../linalg/matrix";
import { multiplyTransposed } from "../linalg/multiply";
import { coreOfGrams, type ProductCore } from "../linalg/productCore";
import { applyQToRows, type Qr, qr, qrOfTransposed } from "../linalg/qr";
import { type Svd, svd } from "../linalg/svd";
import type { Factors } from "./factors";
import { metricsOf, notFiniteMetrics, type UpdateMetrics } from "./updateMetrics";

/**
 * One update with its decompositions, each made once and when first asked for, so that a module compared with
 * seven others is decomposed once. ΔW is never formed: with B = Q_b·R_b and Aᵀ = Q_a·R_a its singular values
 * are those of the r×r core R_b·R_aᵀ, and its singular vectors Q_b·Û and Q_a·V̂, exact to rounding.
 *
 * Where only numbers are asked for, R_b and R_a come from the Gram matrices BᵀB and A·Aᵀ at a third of the
 * cost, unless the factors' components are so nearly dependent that digits would be lost.
 */
export class UpdateAnalysis {
  private core: Core | undefined;
  private cachedMetrics: UpdateMetrics | undefined;
  private cachedGrams: FactorGrams | undefined;
  /** Null where there is none. */
  private cachedGramCore: GramCore | null | undefined;
  private left: Matrix | undefined;
  private right: Matrix | undefined;

  constructor(readonly factors: Factors) {}

  /** Rows and columns of ΔW. */
  get rows(): number {
    return this.factors.b.rows;
  }

  get cols(): number {
    return this.factors.a.cols;
  }

  get metrics(): UpdateMetrics {
    this.cachedMetrics ??= this.measure();
    return this.cachedMetrics;
  }

  /** Takes Gram matrices that were made together with others, where they are not known yet. */
  takeGrams(grams: FactorGrams): void {
    this.cachedGrams ??= grams;
  }

  /** A·Aᵀ and BᵀB, r×r. */
  get grams(): FactorGrams {
    this.cachedGrams ??= { a: gramOfRows(this.factors.a), b: gramOfColumns(this.factors.b) };
    return this.cachedGrams;
  }

  /** The singular values that belong to the vectors; equal to those of `metrics` to rounding. */
  singularValues(): Float64Array {
    return this.decompose().singularValues;
  }

  /** Left singular vectors (output side) as rows: k×out. Rows of zero singular values are arbitrary. */
  leftVectors(): Matrix {
    if (this.left === undefined) {
      const { qrB, decomposition } = this.decompose();
      this.left = applyQToRows(qrB, transpose(decomposition.u));
      if (this.factors.scale < 0) negate(this.left);
    }
    return this.left;
  }

  /** Right singular vectors (input side) as rows: k×in. Rows of zero singular values are arbitrary. */
  rightVectors(): Matrix {
    if (this.right === undefined) {
      const { qrA, decomposition } = this.decompose();
      this.right = applyQToRows(qrA, transpose(decomposition.v));
    }
    return this.right;
  }

  private measure(): UpdateMetrics {
    const { a, b } = this.factors;
    if (!this.isFinite()) return notFiniteMetrics;
    const singularValues = this.valuesFromGrams() ?? this.singularValues();
    // Finite factors can still have a product beyond the doubles.
    if (!Number.isFinite(singularValues[0] ?? 0)) return notFiniteMetrics;
    const normA = normFromGram(this.grams.a) ?? frobeniusNorm(a);
    const normB = normFromGram(this.grams.b) ?? frobeniusNorm(b);
    return metricsOf(singularValues, Math.max(this.rows, this.cols), normA, normB);
  }

  /** A sum of squares that is finite has no other values in it: mostly the factors need not be looked at again. */
  private isFinite(): boolean {
    const { grams, factors } = this;
    return Number.isFinite(factors.scale * 0 + traceOf(grams.a) + traceOf(grams.b)) || this.factors.finite;
  }

  /**
   * The update in orthonormal bases of its spaces, from Gram matrices alone: ΔW = Q_b·core·Q_aᵀ with
   * Q_b = B·R_b⁻¹ and Q_a = Aᵀ·R_a⁻¹. Undefined where digits would be lost.
   */
  get gramCore(): GramCore | undefined {
    if (this.cachedGramCore === undefined) {
      const found = this.hasVanishedSquares() ? undefined : gramCoreOf(this.grams, this.factors.scale);
      this.cachedGramCore = found ?? null;
    }
    return this.cachedGramCore ?? undefined;
  }

  /** Undefined where the vectors' decomposition is there already or its accuracy is needed. */
  private valuesFromGrams(): Float64Array | undefined {
    const count = Math.min(this.rows, this.cols, this.factors.a.rows);
    const found = this.core === undefined ? this.gramCore : undefined;
    if (found === undefined || found.live.length > count) return undefined;
    const values = new Float64Array(count);
    values.set(found.values);
    return values;
  }

  /** A diagonal element is 0 because squares vanished, and not because the component is zero. */
  private hasVanishedSquares(): boolean {
    const { grams, factors } = this;
    for (let k = 0; k < factors.a.rows; k++) {
      if (grams.a.data[k * (factors.a.rows + 1)] === 0 && hasValueInRow(factors.a, k)) return true;
      if (grams.b.data[k * (factors.a.rows + 1)] === 0 && hasValueInColumn(factors.b, k)) return true;
    }
    return false;
  }

  private decompose(): Core {
    this.core ??= decomposeFactors(this.factors);
    return this.core;
  }
}

export interface FactorGrams {
  readonly a: Matrix;
  readonly b: Matrix;
}

/** An update in bases of its spaces that are known only by their triangular factors. */
export interface GramCore extends ProductCore {
  /** Components that have a partner. One without adds nothing; the bases are those of the others. */
  readonly live: readonly number[];
}

function gramCoreOf({ a, b }: FactorGrams, scale: number): GramCore | undefined {
  const live = liveComponents(a, b);
  const own = (gram: Matrix) => (live.length === gram.rows ? gram : submatrix(gram, live, live));
  const found = coreOfGrams(own(b), own(a), scale);
  return found && { ...found, live };
}

/** The norm of a whole factor; undefined where its squares may have vanished or overflowed. */
function normFromGram(gram: Matrix): number | undefined {
  const square = traceOf(gram);
  return square > 1e-280 && square < 1e280 ? Math.sqrt(square) : undefined;
}

function traceOf({ rows, data }: Matrix): number {
  let trace = 0;
  for (let k = 0; k < rows; k++) trace += data[k * rows + k] as number;
  return trace;
}

function hasValueInRow({ cols, data }: Matrix, row: number): boolean {
  return maxAbs(data, row * cols, (row + 1) * cols) > 0;
}

function hasValueInColumn({ rows, cols, data }: Matrix, column: number): boolean {
  for (let i = 0; i < rows; i++) if (data[i * cols + column] !== 0) return true;
  return false;
}

function liveComponents(a: Matrix, b: Matrix): readonly number[] {
  const live: number[] = [];
  for (let k = 0; k < a.rows; k++) {
    if (a.data[k * a.cols + k] !== 0 && b.data[k * b.cols + k] !== 0) live.push(k);
  }
  return live;
}

interface Core {
  readonly qrA: Qr;
  readonly qrB: Qr;
  readonly decomposition: Svd;
  readonly singularValues: Float64Array;
}

function decomposeFactors({ a, b, scale }: Factors): Core {
  const qrB = qr(b);
  const qrA = qrOfTransposed(a);
  const scaleB = powerOfTwoNear(maxAbs(qrB.r.data));
  const scaleA = powerOfTwoNear(maxAbs(qrA.r.data));
  // Brought near 1 first, so that the product neither overflows nor vanishes where ΔW itself does not.
  const decomposition = svd(multiplyTransposed(divided(qrB.r, scaleB), divided(qrA.r, scaleA)));
  const singularValues = decomposition.s.map((value) => value * scaleB * scaleA * Math.abs(scale));
  return { qrA, qrB, decomposition, singularValues };
}

function divided(matrix: Matrix, divisor: number): Matrix {
  return createMatrix(
    matrix.rows,
    matrix.cols,
    matrix.data.map((value) => value / divisor),
  );
}

function negate(matrix: Matrix): void {
  for (let i = 0; i < matrix.data.length; i++) matrix.data[i] = -(matrix.data[i] as number);
}
