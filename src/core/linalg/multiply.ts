import { innerProducts, rowVectors } from "./innerProducts";
import type { Matrix } from "./matrix";

/** A·B, for A m×k and B k×n. Runs along the rows of B, four at a time, so that the result is touched k/4 times. */
export function multiply(a: Matrix, b: Matrix): Matrix {
  const { rows, cols: inner } = a;
  const { cols } = b;
  if (inner !== b.rows) throw new RangeError(`Cannot multiply ${shapeOf(a)} by ${shapeOf(b)}.`);
  const result = new Float64Array(rows * cols);
  for (let i = 0; i < rows; i++) addRowCombination(result, i * cols, a.data, i * inner, inner, b.data, cols);
  return { rows, cols, data: result };
}

/** result[at…] += Σ_k weights[k] · (row k of `data`), for `count` rows of `length` values. */
function addRowCombination(
  result: Float64Array,
  at: number,
  weights: Float64Array,
  weightsAt: number,
  count: number,
  data: Float64Array,
  length: number,
): void {
  let k = 0;
  for (; k + 3 < count; k += 4) {
    const w0 = weights[weightsAt + k] as number;
    const w1 = weights[weightsAt + k + 1] as number;
    const w2 = weights[weightsAt + k + 2] as number;
    const w3 = weights[weightsAt + k + 3] as number;
    const r0 = k * length;
    const r1 = r0 + length;
    const r2 = r1 + length;
    const r3 = r2 + length;
    for (let j = 0; j < length; j++) {
      result[at + j] =
        (result[at + j] as number) +
        (w0 * (data[r0 + j] as number) +
          w1 * (data[r1 + j] as number) +
          (w2 * (data[r2 + j] as number) + w3 * (data[r3 + j] as number)));
    }
  }
  for (; k < count; k++) {
    const w = weights[weightsAt + k] as number;
    const row = k * length;
    for (let j = 0; j < length; j++) {
      result[at + j] = (result[at + j] as number) + w * (data[row + j] as number);
    }
  }
}

/** A·Bᵀ, for A m×k and B n×k: every element is the inner product of two rows. */
export function multiplyTransposed(a: Matrix, b: Matrix): Matrix {
  return innerProducts(rowVectors(a), rowVectors(b));
}

function shapeOf(matrix: Matrix): string {
  return `${matrix.rows} × ${matrix.cols}`;
}
