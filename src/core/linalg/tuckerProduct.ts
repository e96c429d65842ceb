import { createMatrix, type Matrix } from "./matrix";

/** A convolution with `core` [rows, r, kernel] after a pointwise one: Σ_q core[p, q, k]·right[q, i] at [p, i, k]. */
export function tuckerProduct(core: Float64Array, rows: number, right: Matrix, kernel: number): Matrix {
  const { rows: rank, cols: inputs, data } = right;
  const cols = inputs * kernel;
  const result = createMatrix(rows, cols);
  for (let p = 0; p < rows; p++) {
    for (let q = 0; q < rank; q++) {
      const coreAt = (p * rank + q) * kernel;
      for (let i = 0; i < inputs; i++) {
        const x = data[q * inputs + i] as number;
        const target = p * cols + i * kernel;
        for (let k = 0; k < kernel; k++) {
          result.data[target + k] = (result.data[target + k] as number) + x * (core[coreAt + k] as number);
        }
      }
    }
  }
  return result;
}
