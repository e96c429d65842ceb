import fc from "fast-check";
import { createMatrix, type Matrix, transpose } from "../../../src/core/linalg/matrix";
import { multiply } from "../../../src/core/linalg/multiply";
import { svd } from "../../../src/core/linalg/svd";
import type { Factors } from "../../../src/core/update/factors";
import { UpdateAnalysis } from "../../../src/core/update/updateAnalysis";
import type { UpdateMetrics } from "../../../src/core/update/updateMetrics";
import { randomMatrix, scaled } from "../linalg/matrices";

export function factorsOf(a: Matrix, b: Matrix, scale = 1): Factors {
  return { a, b, scale, alpha: undefined, finite: true };
}

export function randomFactors(rows: number, cols: number, rank: number, seed: number, scale = 1): Factors {
  return factorsOf(randomMatrix(rank, cols, seed), randomMatrix(rows, rank, seed + 1), scale);
}

/** Updates up to 24×24 with ranks up to 10, which may exceed both sides, and scales of either sign. */
export const factorShapes = fc.record({
  rows: fc.integer({ min: 1, max: 24 }),
  cols: fc.integer({ min: 1, max: 24 }),
  rank: fc.integer({ min: 1, max: 10 }),
  scale: fc.double({ min: -4, max: 4, noNaN: true }).filter((scale) => Math.abs(scale) > 0.01),
  seed: fc.nat(),
});

export const randomUpdates = factorShapes.map(({ rows, cols, rank, scale, seed }) =>
  randomFactors(rows, cols, rank, seed, scale),
);

export function dense({ a, b, scale }: Factors): Matrix {
  return scaled(multiply(b, a), scale);
}

/** The same update written with B·G and G⁻¹·A, for a random G of a condition of at most about 10. */
export function regauged({ a, b, scale }: Factors, seed: number): Factors {
  const { u, v } = svd(randomMatrix(a.rows, a.rows, seed));
  const stretch = Float64Array.from({ length: a.rows }, (_, i) => 1 + (9 * i) / a.rows);
  const gauge = multiply(scaleColumns(u, stretch), transpose(v));
  const inverse = multiply(
    scaleColumns(
      v,
      stretch.map((x) => 1 / x),
    ),
    transpose(u),
  );
  return factorsOf(multiply(inverse, a), multiply(b, gauge), scale);
}

export function scaleColumns(matrix: Matrix, factors: Float64Array): Matrix {
  const { rows, cols, data } = matrix;
  return createMatrix(
    rows,
    cols,
    data.map((x, at) => x * (factors[at % cols] as number)),
  );
}

/** Singular values of ΔW and all that follows from them. */
export function measureUpdate(factors: Factors): UpdateMetrics {
  return new UpdateAnalysis(factors).metrics;
}
