import { columnVectors, innerProducts, rowVectors } from "./innerProducts";
import type { Matrix } from "./matrix";

/** X·Xᵀ for X r×n: the inner products of its rows. NaN and infinities come through. */
export function gramOfRows(matrix: Matrix): Matrix {
  const rows = rowVectors(matrix);
  return innerProducts(rows, rows);
}

/** XᵀX for X m×r: the inner products of its columns. */
export function gramOfColumns(matrix: Matrix): Matrix {
  const columns = columnVectors(matrix);
  return innerProducts(columns, columns);
}

/** XᵀY for X m×k and Y m×l: the inner products of their columns. */
export function productOfColumns(x: Matrix, y: Matrix): Matrix {
  return innerProducts(columnVectors(x), columnVectors(y));
}
