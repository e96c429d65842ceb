import fc from "fast-check";
import { Matrix as MlMatrix, QrDecomposition } from "ml-matrix";
import { describe, expect, it } from "vitest";
import { createMatrix, type Matrix, maxAbs, transpose } from "../../../src/core/linalg/matrix";
import { multiply } from "../../../src/core/linalg/multiply";
import { applyQ, applyQToRows, type Qr, qr, qrOfTransposed } from "../../../src/core/linalg/qr";
import { matrices, maxDifference, orthonormality, randomMatrix } from "./matrices";

/** The m×k matrix with orthonormal columns. */
function thinQ(factors: Qr): Matrix {
  const k = factors.reflectors.rows;
  const identity = createMatrix(k, k);
  for (let i = 0; i < k; i++) identity.data[i * k + i] = 1;
  return applyQ(factors, identity);
}

describe("qr", () => {
  it("gives orthonormal Q and upper triangular R with Q·R = X, whatever the shape and rank", () => {
    fc.assert(
      fc.property(matrices, (matrix) => {
        const factors = qr(matrix);
        const { r } = factors;
        expect(orthonormality(thinQ(factors))).toBeLessThan(1e-14);
        expect(maxDifference(applyQ(factors, r), matrix)).toBeLessThanOrEqual(3e-14 * maxAbs(matrix.data));
        for (let i = 0; i < r.rows; i++) {
          for (let j = 0; j < Math.min(i, r.cols); j++) expect(r.data[i * r.cols + j]).toBe(0);
        }
      }),
    );
  });

  it("agrees with ml-matrix up to signs", () => {
    const matrix = randomMatrix(30, 7, 5);
    const rows = Array.from({ length: 30 }, (_, i) => [...matrix.data.subarray(i * 7, i * 7 + 7)]);
    const expected = new QrDecomposition(new MlMatrix(rows)).upperTriangularMatrix.to1DArray();
    const ours = [...qr(matrix).r.data];
    ours.forEach((value, at) => {
      expect(Math.abs(Math.abs(value) - Math.abs(expected[at] as number))).toBeLessThan(1e-13);
    });
  });

  it("decomposes a matrix that is given by its columns, and leaves it alone", () => {
    const matrix = randomMatrix(4, 20, 9);
    const before = matrix.data.slice();
    expect(maxDifference(qrOfTransposed(matrix).r, qr(transpose(matrix)).r)).toBe(0);
    expect([...matrix.data]).toEqual([...before]);
  });

  it("applies Q to vectors that are rows", () => {
    const factors = qr(randomMatrix(12, 5, 3));
    const vectors = randomMatrix(6, 5, 4);
    const expected = multiply(vectors, transpose(thinQ(factors)));
    expect(maxDifference(applyQToRows(factors, vectors), expected)).toBeLessThan(1e-14);
    expect(() => applyQToRows(factors, randomMatrix(6, 4, 1))).toThrow(RangeError);
  });

  it("survives columns of any size, zeros and empty matrices", () => {
    for (const factor of [1e-310, 1e-200, 1e200]) {
      const matrix = randomMatrix(9, 3, 2);
      matrix.data.forEach((x, at) => {
        matrix.data[at] = x * factor;
      });
      const factors = qr(matrix);
      expect(orthonormality(thinQ(factors))).toBeLessThan(1e-14);
      if (factor > 1e-300) {
        expect(maxDifference(applyQ(factors, factors.r), matrix) / factor).toBeLessThan(1e-14);
      }
    }
    expect(orthonormality(thinQ(qr(createMatrix(5, 3))))).toBe(0);
    expect(qr(createMatrix(0, 3)).r).toMatchObject({ rows: 0, cols: 3 });
    expect(qr(createMatrix(3, 0)).r).toMatchObject({ rows: 0, cols: 0 });
  });
});
