import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { choleskyOfGram } from "../../../src/core/linalg/cholesky";
import { gramOfColumns, gramOfRows, productOfColumns } from "../../../src/core/linalg/gram";
import { createMatrix, maxAbs, transpose } from "../../../src/core/linalg/matrix";
import { multiply, multiplyTransposed } from "../../../src/core/linalg/multiply";
import { singularValuesOf } from "../../../src/core/linalg/singularValues";
import { svd } from "../../../src/core/linalg/svd";
import { solveTransposedUpper, solveUpperFromRight } from "../../../src/core/linalg/triangular";
import { matrices, maxDifference, randomMatrix } from "./matrices";

/** Sizes on both sides of a tile of 4 and of a panel of 256. */
const counts = fc.integer({ min: 0, max: 11 });
const lengths = fc.oneof(fc.integer({ min: 0, max: 30 }), fc.integer({ min: 250, max: 530 }));

describe("Gram matrices", () => {
  it("hold the inner products of rows and of columns", () => {
    fc.assert(
      fc.property(counts, lengths, fc.nat(), (rows, cols, seed) => {
        const matrix = randomMatrix(rows, cols, seed);
        const expected = multiply(matrix, transpose(matrix));
        const tolerance = 1e-14 * Math.max(1, cols);
        expect(maxDifference(gramOfRows(matrix), expected)).toBeLessThanOrEqual(tolerance);
        expect(maxDifference(gramOfColumns(transpose(matrix)), expected)).toBeLessThanOrEqual(tolerance);
      }),
      { numRuns: 60 },
    );
  });

  it("hold the inner products of the columns of two matrices", () => {
    fc.assert(
      fc.property(counts, counts, lengths, fc.nat(), (first, second, rows, seed) => {
        const [x, y] = [randomMatrix(rows, first, seed), randomMatrix(rows, second, seed + 1)];
        const expected = multiply(transpose(x), y);
        expect(maxDifference(productOfColumns(x, y), expected)).toBeLessThanOrEqual(1e-14 * (rows + 1));
      }),
      { numRuns: 40 },
    );
    expect(() => productOfColumns(randomMatrix(2, 1, 1), randomMatrix(3, 1, 1))).toThrow(RangeError);
  });

  it("let NaN through", () => {
    const matrix = randomMatrix(5, 300, 1);
    matrix.data[700] = Number.NaN;
    expect(gramOfRows(matrix).data.some(Number.isNaN)).toBe(true);
  });
});

describe("multiplyTransposed", () => {
  it("agrees with multiply, whatever the sizes", () => {
    fc.assert(
      fc.property(counts, counts, lengths, fc.nat(), (rows, cols, inner, seed) => {
        const [a, b] = [randomMatrix(rows, inner, seed), randomMatrix(cols, inner, seed + 1)];
        const expected = multiply(a, transpose(b));
        expect(maxDifference(multiplyTransposed(a, b), expected)).toBeLessThanOrEqual(1e-14 * (inner + 1));
      }),
      { numRuns: 60 },
    );
  });
});

describe("choleskyOfGram", () => {
  it("gives an upper triangle with RᵀR = G, and tells how dependent the columns are", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10 }), fc.nat(), (count, seed) => {
        const gram = gramOfRows(randomMatrix(count, 40, seed));
        const factor = choleskyOfGram(gram);
        if (factor === undefined) throw new Error("Random rows are independent.");
        const { r, pivot } = factor;
        const again = multiply(transpose(r), r);
        expect(maxDifference(again, gram)).toBeLessThan(1e-13 * maxAbs(gram.data));
        for (let i = 0; i < count; i++) {
          for (let j = 0; j < i; j++) expect(r.data[i * count + j]).toBe(0);
        }
        expect(pivot).toBeGreaterThan(0.1);
        expect(pivot).toBeLessThanOrEqual(1);
      }),
      { numRuns: 40 },
    );
  });

  it("does not mind lengths that are far apart, but gives up on dependent columns and vanished squares", () => {
    const graded = randomMatrix(4, 30, 1);
    for (let i = 0; i < 4; i++) {
      for (let j = 0; j < 30; j++)
        graded.data[i * 30 + j] = (graded.data[i * 30 + j] as number) * 10 ** (-20 * i);
    }
    expect(choleskyOfGram(gramOfRows(graded))?.pivot).toBeGreaterThan(0.1);
    const dependent = multiply(randomMatrix(4, 2, 1), randomMatrix(2, 30, 2));
    expect(choleskyOfGram(gramOfRows(dependent))).toBeUndefined();
    const tiny = randomMatrix(3, 30, 1);
    tiny.data.forEach((value, at) => {
      tiny.data[at] = value * 1e-170;
    });
    expect(choleskyOfGram(gramOfRows(tiny))).toBeUndefined();
    expect(choleskyOfGram(createMatrix(2, 2, Float64Array.of(Number.NaN, 0, 0, 1)))).toBeUndefined();
  });
});

describe("triangular systems", () => {
  it("are solved in place, from either side", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 9 }), counts, fc.nat(), (count, other, seed) => {
        const r = choleskyOfGram(gramOfRows(randomMatrix(count, 40, seed)))?.r;
        if (r === undefined) throw new Error("Random rows are independent.");
        const above = randomMatrix(count, other, seed + 1);
        const solved = createMatrix(count, other, above.data.slice());
        solveTransposedUpper(r, solved);
        expect(maxDifference(multiply(transpose(r), solved), above)).toBeLessThan(1e-12);
        const beside = transpose(above);
        const fromRight = createMatrix(other, count, beside.data.slice());
        solveUpperFromRight(r, fromRight);
        expect(maxDifference(multiply(fromRight, r), beside)).toBeLessThan(1e-12);
      }),
      { numRuns: 40 },
    );
  });
});

describe("singularValuesOf", () => {
  it("gives the values that svd gives", () => {
    fc.assert(
      fc.property(matrices, (matrix) => {
        const { s } = svd(matrix);
        const values = singularValuesOf(matrix);
        expect(values).toHaveLength(s.length);
        s.forEach((value, k) => {
          const difference = Math.abs(value - (values[k] as number));
          expect(difference).toBeLessThanOrEqual(1e-15 * (s[0] as number) * s.length);
        });
      }),
    );
    expect(() => singularValuesOf(createMatrix(1, 1, Float64Array.of(Number.NaN)))).toThrow(RangeError);
  });
});
