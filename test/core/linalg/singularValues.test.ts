import fc from "fast-check";
import { expect, it } from "vitest";
import { createMatrix, type Matrix, transpose } from "../../../src/core/linalg/matrix";
import { multiply } from "../../../src/core/linalg/multiply";
import { singularValuesOf } from "../../../src/core/linalg/singularValues";
import { svd } from "../../../src/core/linalg/svd";
import { diagonal, matrices, randomMatrix, scaled } from "./matrices";

function expectAsSvd(matrix: Matrix): void {
  const [values, expected] = [singularValuesOf(matrix), svd(matrix).s];
  const bound = 4 * Number.EPSILON * Math.max(matrix.rows, matrix.cols) * (expected[0] ?? 0);
  expect(values).toHaveLength(expected.length);
  for (const [i, value] of values.entries()) {
    expect(Math.abs(value - (expected[i] as number))).toBeLessThanOrEqual(bound);
  }
}

it("are those of the Jacobi rotations to rounding of the largest, whatever the shape and rank", () => {
  fc.assert(fc.property(matrices, expectAsSvd));
});

/** Of rank 3 and 20×20, zeros on the diagonal of what it is reduced to. */
const dependent = multiply(randomMatrix(20, 3, 5), randomMatrix(3, 20, 6));
const holes = diagonal(Float64Array.of(3, 0, 2, 0, 0, 1));
for (let k = 0; k < 5; k++) holes.data[k * 7 + 1] = 1;

it.each([
  ["a large one", randomMatrix(96, 96, 11)],
  ["one of low rank", dependent],
  ["one with equal values", diagonal(new Float64Array(40).fill(2))],
  ["a bidiagonal one with zeros on its diagonal", holes],
  ["one with a zero at the end", diagonal(Float64Array.of(3, 2, 0))],
  ["one whose columns are graded over 300 powers of ten", gradedColumns(24)],
  ["nothing but zeros", createMatrix(5, 5)],
  ["a single value", createMatrix(1, 1, Float64Array.of(-2))],
  ["one without columns", createMatrix(4, 0)],
  ["a huge one", scaled(randomMatrix(9, 5, 3), 2 ** 1000)],
  ["a tiny one", scaled(randomMatrix(5, 9, 3), 2 ** -1000)],
])("of %s", (_, matrix) => {
  expectAsSvd(matrix);
  expectAsSvd(transpose(matrix));
});

it("of what is not finite there are none", () => {
  expect(() => singularValuesOf(createMatrix(1, 2, Float64Array.of(1, Number.NaN)))).toThrow(RangeError);
});

function gradedColumns(n: number): Matrix {
  const matrix = randomMatrix(n, n, 7);
  return { ...matrix, data: matrix.data.map((x, at) => x * 10 ** ((-300 * (at % n)) / n)) };
}
