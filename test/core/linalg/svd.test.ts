import fc from "fast-check";
import { Matrix as MlMatrix, SingularValueDecomposition } from "ml-matrix";
import { describe, expect, it } from "vitest";
import { createMatrix, type Matrix, maxAbs, transpose } from "../../../src/core/linalg/matrix";
import { multiply } from "../../../src/core/linalg/multiply";
import { svd } from "../../../src/core/linalg/svd";
import { diagonal, matrices, maxDifference, orthonormality, randomMatrix, scaled } from "./matrices";

function reassembled(matrix: Matrix): Matrix {
  const { u, s, v } = svd(matrix);
  return multiply(multiply(u, diagonal(s)), transpose(v));
}

describe("svd", () => {
  it("gives sorted values and orthonormal vectors with U·S·Vᵀ = X, whatever the shape and rank", () => {
    fc.assert(
      fc.property(matrices, (matrix) => {
        const { u, s, v } = svd(matrix);
        const k = Math.min(matrix.rows, matrix.cols);
        expect([u.rows, u.cols, s.length, v.rows, v.cols]).toEqual([matrix.rows, k, k, matrix.cols, k]);
        expect(orthonormality(u)).toBeLessThan(2e-14);
        expect(orthonormality(v)).toBeLessThan(2e-14);
        for (let i = 1; i < k; i++) expect(s[i]).toBeLessThanOrEqual(s[i - 1] as number);
        expect(s.every((value) => value >= 0)).toBe(true);
        expect(maxDifference(reassembled(matrix), matrix)).toBeLessThanOrEqual(3e-14 * maxAbs(matrix.data));
      }),
    );
  });

  it("agrees with ml-matrix", () => {
    fc.assert(
      fc.property(matrices, (matrix) => {
        const rows = Array.from({ length: matrix.rows }, (_, i) => [
          ...matrix.data.subarray(i * matrix.cols, (i + 1) * matrix.cols),
        ]);
        const expected = new SingularValueDecomposition(new MlMatrix(rows), { autoTranspose: true }).diagonal;
        const { s } = svd(matrix);
        const largest = s[0] as number;
        s.forEach((value, i) => {
          expect(Math.abs(value - (expected[i] as number))).toBeLessThanOrEqual(1e-13 * largest);
        });
      }),
    );
  });

  it("finds values that were put in, up to condition 1e12 and multiplicity", () => {
    const u = svd(randomMatrix(20, 8, 1)).u;
    const v = svd(randomMatrix(15, 8, 2)).u;
    const values = Float64Array.of(5, 5, 1, 1e-3, 1e-6, 1e-9, 5e-12, 0);
    const { s } = svd(multiply(multiply(u, diagonal(values)), transpose(v)));
    s.forEach((value, i) => {
      expect(Math.abs(value - (values[i] ?? 0))).toBeLessThan(5e-15);
    });
  });

  it("keeps the digits of tiny values when columns or rows are graded", () => {
    const graded = randomMatrix(16, 16, 7);
    graded.data.forEach((x, at) => {
      graded.data[at] = x * 10 ** -(at % 16);
    });
    const { s } = svd(graded);
    const fromRows = svd(transpose(graded)).s;
    // Scaling the last column moves only the smallest value; its digits show against a matrix scaled exactly.
    const coarser = svd(scaled(graded, 2 ** 30)).s;
    s.forEach((value, i) => {
      expect(Math.abs((fromRows[i] as number) / value - 1)).toBeLessThan(1e-12);
      expect((coarser[i] as number) / value).toBe(2 ** 30);
    });
    // |det| of a matrix is the product of its singular values; here it is known from the unscaled one.
    const logProduct = s.reduce((sum, value) => sum + Math.log(value), 0);
    const unscaled = svd(randomMatrix(16, 16, 7)).s.reduce((sum, value) => sum + Math.log(value), 0);
    expect(Math.abs(logProduct - (unscaled - 120 * Math.LN10))).toBeLessThan(1e-10);
  });

  it("takes zeros, single values, empty and extreme matrices", () => {
    const zero = svd(createMatrix(4, 3));
    expect([...zero.s]).toEqual([0, 0, 0]);
    expect(orthonormality(zero.u)).toBe(0);
    expect([...svd(createMatrix(1, 1, Float64Array.of(-2))).s]).toEqual([2]);
    expect(svd(createMatrix(0, 3)).s).toHaveLength(0);
    expect(svd(createMatrix(3, 0)).s).toHaveLength(0);
    for (const factor of [2 ** -900, 2 ** 900]) {
      const s = svd(scaled(randomMatrix(5, 5, 3), factor)).s;
      expect((s[4] as number) / factor / (svd(randomMatrix(5, 5, 3)).s[4] as number)).toBeCloseTo(1, 12);
    }
  });

  it("stays orthonormal over the many rotations of a larger matrix", () => {
    const matrix = randomMatrix(96, 96, 11);
    const { u, v } = svd(matrix);
    expect(orthonormality(u)).toBeLessThan(1e-14);
    expect(orthonormality(v)).toBeLessThan(1e-14);
    expect(maxDifference(reassembled(matrix), matrix)).toBeLessThan(2e-13);
  });

  it("refuses values that are not finite", () => {
    expect(() => svd(createMatrix(1, 2, Float64Array.of(1, Number.NaN)))).toThrow(RangeError);
    expect(() => svd(createMatrix(1, 1, Float64Array.of(Number.POSITIVE_INFINITY)))).toThrow(RangeError);
  });
});
