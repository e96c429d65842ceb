import type { Matrix } from "./matrix";

/** Solves RᵀY = X for upper triangular R (n×n) and X n×k, in place of X. */
export function solveTransposedUpper(r: Matrix, x: Matrix): void {
  const n = r.rows;
  const { cols, data } = x;
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < i; k++) {
      const factor = r.data[k * n + i] as number;
      if (factor === 0) continue;
      for (let j = 0; j < cols; j++) {
        data[i * cols + j] = (data[i * cols + j] as number) - factor * (data[k * cols + j] as number);
      }
    }
    const pivot = r.data[i * n + i] as number;
    for (let j = 0; j < cols; j++) data[i * cols + j] = (data[i * cols + j] as number) / pivot;
  }
}

/** Solves Y·R = X for upper triangular R (n×n) and X k×n, in place of X. */
export function solveUpperFromRight(r: Matrix, x: Matrix): void {
  const n = r.rows;
  const { rows, data } = x;
  for (let i = 0; i < rows; i++) {
    const row = i * n;
    for (let j = 0; j < n; j++) {
      const value = (data[row + j] as number) / (r.data[j * n + j] as number);
      data[row + j] = value;
      if (value === 0) continue;
      for (let k = j + 1; k < n; k++) {
        data[row + k] = (data[row + k] as number) - value * (r.data[j * n + k] as number);
      }
    }
  }
}
