import fc from "fast-check";
import { createMatrix, type Matrix, transpose } from "../../../src/core/linalg/matrix";
import { multiply } from "../../../src/core/linalg/multiply";

/** A seeded generator of normal values (Mulberry32 and Box-Muller): shrinks by its seed, repeats exactly. */
export function normals(seed: number): () => number {
  let state = seed >>> 0;
  const uniform = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
  };
  return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
}

export function randomMatrix(rows: number, cols: number, seed: number): Matrix {
  const normal = normals(seed);
  return createMatrix(rows, cols, Float64Array.from({ length: rows * cols }, normal));
}

/** A matrix of exact rank at most `rank`, wide, tall or square. */
export const matrices = fc
  .record({
    rows: fc.integer({ min: 1, max: 14 }),
    cols: fc.integer({ min: 1, max: 14 }),
    rank: fc.integer({ min: 0, max: 14 }),
    exponent: fc.integer({ min: -40, max: 40 }),
    seed: fc.nat(),
  })
  .map(({ rows, cols, rank, exponent, seed }) => {
    const product = multiply(randomMatrix(rows, rank, seed), randomMatrix(rank, cols, seed + 1));
    return scaled(product, 10 ** exponent);
  });

export function scaled(matrix: Matrix, factor: number): Matrix {
  return createMatrix(
    matrix.rows,
    matrix.cols,
    matrix.data.map((x) => x * factor),
  );
}

export function maxDifference(a: Matrix, b: Matrix): number {
  if (a.rows !== b.rows || a.cols !== b.cols) return Number.POSITIVE_INFINITY;
  return a.data.reduce((worst, x, at) => Math.max(worst, Math.abs(x - (b.data[at] as number))), 0);
}

/** Largest element of |XᵀX - 1|. */
export function orthonormality(matrix: Matrix): number {
  const gram = multiply(transpose(matrix), matrix);
  return gram.data.reduce((worst, x, at) => {
    const expected = Math.floor(at / gram.cols) === at % gram.cols ? 1 : 0;
    return Math.max(worst, Math.abs(x - expected));
  }, 0);
}

export function diagonal(values: Float64Array): Matrix {
  const matrix = createMatrix(values.length, values.length);
  values.forEach((value, i) => {
    matrix.data[i * values.length + i] = value;
  });
  return matrix;
}
