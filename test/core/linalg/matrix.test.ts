import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  createMatrix,
  frobeniusNorm,
  isFiniteMatrix,
  maxAbs,
  powerOfTwoNear,
  transpose,
} from "../../../src/core/linalg/matrix";
import { multiply, multiplyTransposed } from "../../../src/core/linalg/multiply";
import { maxDifference, randomMatrix } from "./matrices";

const size = fc.integer({ min: 0, max: 35 });

describe("matrix", () => {
  it("refuses data of another size", () => {
    expect(() => createMatrix(2, 3, new Float64Array(5))).toThrow("2 × 3");
  });

  it("transposes", () => {
    const matrix = createMatrix(2, 3, Float64Array.of(1, 2, 3, 4, 5, 6));
    expect([...transpose(matrix).data]).toEqual([1, 4, 2, 5, 3, 6]);
    fc.assert(
      fc.property(size, size, fc.nat(), (rows, cols, seed) => {
        const original = randomMatrix(rows, cols, seed);
        const flipped = transpose(original);
        expect(maxDifference(transpose(flipped), original)).toBe(0);
        for (let i = 0; i < rows; i++) {
          for (let j = 0; j < cols; j++) expect(flipped.data[j * rows + i]).toBe(original.data[i * cols + j]);
        }
      }),
      { numRuns: 30 },
    );
  });

  it("takes norms of values whose squares overflow or vanish", () => {
    for (const factor of [1, 1e-200, 1e-320, 1e200, 1e307]) {
      const norm = frobeniusNorm(createMatrix(1, 2, Float64Array.of(3 * factor, -4 * factor)));
      expect(Math.abs(norm / factor / 5 - 1)).toBeLessThan(factor === 1e-320 ? 1e-3 : 1e-15);
    }
    expect(frobeniusNorm(createMatrix(2, 2))).toBe(0);
    expect(frobeniusNorm(createMatrix(1, 1, Float64Array.of(Number.NaN)))).toBeNaN();
    expect(frobeniusNorm(createMatrix(1, 2, Float64Array.of(1, Number.NEGATIVE_INFINITY)))).toBe(
      Number.POSITIVE_INFINITY,
    );
  });

  it("finds a single value that is not finite", () => {
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      const matrix = randomMatrix(5, 7, 1);
      expect(isFiniteMatrix(matrix)).toBe(true);
      matrix.data[17] = value;
      expect(isFiniteMatrix(matrix)).toBe(false);
    }
    expect(isFiniteMatrix(createMatrix(1, 2, Float64Array.of(Number.MAX_VALUE, -Number.MAX_VALUE)))).toBe(
      true,
    );
    expect(maxAbs(Float64Array.of(1, -3, 2))).toBe(3);
  });

  it("gives powers of two that divide exactly", () => {
    expect([powerOfTwoNear(1), powerOfTwoNear(3), powerOfTwoNear(0.3), powerOfTwoNear(0)]).toEqual([
      1, 2, 0.25, 1,
    ]);
    expect(powerOfTwoNear(Number.POSITIVE_INFINITY)).toBe(1);
    expect(1 / powerOfTwoNear(Number.MIN_VALUE)).toBeLessThan(Number.POSITIVE_INFINITY);
  });
});

describe("multiply", () => {
  it("agrees with the definition, plain and transposed", () => {
    fc.assert(
      fc.property(size, size, size, fc.nat(), (rows, inner, cols, seed) => {
        const a = randomMatrix(rows, inner, seed);
        const b = randomMatrix(inner, cols, seed + 1);
        const expected = createMatrix(rows, cols);
        for (let i = 0; i < rows; i++) {
          for (let j = 0; j < cols; j++) {
            let sum = 0;
            for (let k = 0; k < inner; k++) {
              sum += (a.data[i * inner + k] as number) * (b.data[k * cols + j] as number);
            }
            expected.data[i * cols + j] = sum;
          }
        }
        expect(maxDifference(multiply(a, b), expected)).toBeLessThan(1e-13);
        expect(maxDifference(multiplyTransposed(a, transpose(b)), expected)).toBeLessThan(1e-13);
      }),
      { numRuns: 40 },
    );
  });

  it("refuses shapes that do not fit", () => {
    expect(() => multiply(createMatrix(2, 3), createMatrix(2, 3))).toThrow("2 × 3");
    expect(() => multiplyTransposed(createMatrix(2, 3), createMatrix(3, 2))).toThrow(RangeError);
  });
});
