import { createMatrix, type Matrix, transpose } from "./matrix";
import { multiply } from "./multiply";
import { applyQToRows, qrOfTransposed } from "./qr";
import { svd } from "./svd";

/** A large matrix as its products, m×n. Vectors lie in rows. */
export interface LinearOperator {
  readonly rows: number;
  readonly cols: number;
  /** D·x for each row x of `vectors` (k×n), as rows: k×m. */
  apply(vectors: Matrix): Promise<Matrix>;
  /** Dᵀ·y for each row y of `vectors` (k×m), as rows: k×n. */
  applyTransposed(vectors: Matrix): Promise<Matrix>;
}

export interface RandomizedSvdOptions {
  /** Directions searched for; those beyond the wanted rank make it exact. */
  readonly size: number;
  /** Passes over the matrix and its transpose that sharpen the search. */
  readonly iterations: number;
  /** Draws of a standard normal distribution. */
  readonly normal: () => number;
}

/** The leading singular triplets; vectors as rows. */
export interface LeadingSvd {
  /** size×m */
  readonly left: Matrix;
  readonly values: Float64Array;
  /** size×n */
  readonly right: Matrix;
}

/**
 * The leading part of a singular value decomposition by random projection with subspace iteration (Halko,
 * Martinsson and Tropp 2011, arXiv 0909.4061, algorithms 4.4 and 5.1). Σ values² is exactly the energy of D within
 * the space that was found; what it misses is ‖D‖_F² minus that.
 */
export async function randomizedSvd(
  operator: LinearOperator,
  { size, iterations, normal }: RandomizedSvdOptions,
): Promise<LeadingSvd> {
  const k = Math.min(size, operator.rows, operator.cols);
  const start = createMatrix(k, operator.cols);
  for (let at = 0; at < start.data.length; at++) start.data[at] = normal();
  let basis = orthonormalRows(await operator.apply(start));
  for (let pass = 0; pass < iterations; pass++) {
    const inputs = orthonormalRows(await operator.applyTransposed(basis));
    basis = orthonormalRows(await operator.apply(inputs));
  }
  // C = Qᵀ·D, k×n, with Cᵀ = Q_c·R_c: the SVD of the small R_cᵀ gives that of C.
  const factors = qrOfTransposed(await operator.applyTransposed(basis));
  const { u, s, v } = svd(transpose(factors.r));
  return {
    left: multiply(transpose(u), basis),
    values: s,
    right: applyQToRows(factors, transpose(v)),
  };
}

function orthonormalRows(rows: Matrix): Matrix {
  const factors = qrOfTransposed(rows);
  const identity = createMatrix(factors.reflectors.rows, factors.reflectors.rows);
  for (let i = 0; i < identity.rows; i++) identity.data[i * identity.cols + i] = 1;
  return applyQToRows(factors, identity);
}
