import { createMatrix, type Matrix } from "../../linalg/matrix";

/** A matrix as P·Q. */
export interface LowRank {
  /** m×k. */
  readonly left: Matrix;
  /** k×n. */
  readonly right: Matrix;
}

/** A whole matrix as a product with the identity of its shorter side. */
export function asLowRank(whole: Matrix): LowRank {
  return whole.rows <= whole.cols
    ? { left: identity(whole.rows), right: whole }
    : { left: whole, right: identity(whole.cols) };
}

function identity(size: number): Matrix {
  const matrix = createMatrix(size, size);
  for (let i = 0; i < size; i++) matrix.data[i * size + i] = 1;
  return matrix;
}

/** Factors of the Kronecker product of two matrices. */
export function kroneckerFactors(first: LowRank, second: LowRank): LowRank {
  return { left: kronecker(first.left, second.left), right: kronecker(first.right, second.right) };
}

/** x ⊗ y: the block at (i, j) is x_ij · y. */
export function kronecker(x: Matrix, y: Matrix): Matrix {
  const cols = x.cols * y.cols;
  const result = createMatrix(x.rows * y.rows, cols);
  for (let i = 0; i < x.rows; i++) {
    for (let p = 0; p < y.rows; p++) {
      const row = (i * y.rows + p) * cols;
      for (let j = 0; j < x.cols; j++) {
        const factor = x.data[i * x.cols + j] as number;
        for (let q = 0; q < y.cols; q++) {
          result.data[row + j * y.cols + q] = factor * (y.data[p * y.cols + q] as number);
        }
      }
    }
  }
  return result;
}

/** Factors of the elementwise product of two matrices of one shape: (Σ_i p_i q_i)∘(Σ_j p'_j q'_j). */
export function hadamardFactors(first: LowRank, second: LowRank): LowRank {
  const rank1 = first.right.rows;
  const rank2 = second.right.rows;
  const { rows } = first.left;
  const { cols } = first.right;
  const left = createMatrix(rows, rank1 * rank2);
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < rank1; i++) {
      for (let j = 0; j < rank2; j++) {
        left.data[row * rank1 * rank2 + i * rank2 + j] =
          (first.left.data[row * rank1 + i] as number) * (second.left.data[row * rank2 + j] as number);
      }
    }
  }
  const right = createMatrix(rank1 * rank2, cols);
  for (let i = 0; i < rank1; i++) {
    for (let j = 0; j < rank2; j++) {
      for (let column = 0; column < cols; column++) {
        right.data[(i * rank2 + j) * cols + column] =
          (first.right.data[i * cols + column] as number) * (second.right.data[j * cols + column] as number);
      }
    }
  }
  return { left, right };
}
