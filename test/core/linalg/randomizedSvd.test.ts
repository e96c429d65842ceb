import { describe, expect, it } from "vitest";
import { DenseOperator } from "../../../src/core/linalg/denseOperator";
import { createMatrix, frobeniusNorm, transpose } from "../../../src/core/linalg/matrix";
import { multiply, multiplyTransposed } from "../../../src/core/linalg/multiply";
import { normals } from "../../../src/core/linalg/normals";
import { randomizedSvd } from "../../../src/core/linalg/randomizedSvd";
import { singularValuesOf } from "../../../src/core/linalg/singularValues";
import { svd } from "../../../src/core/linalg/svd";
import { maxDifference, orthonormality, randomMatrix } from "./matrices";

function operatorOf(matrix: ReturnType<typeof randomMatrix>): DenseOperator {
  return new DenseOperator(matrix.rows, matrix.cols, Float32Array.from(matrix.data));
}

/** What is left of a matrix in single precision. */
function single(matrix: ReturnType<typeof randomMatrix>) {
  return createMatrix(matrix.rows, matrix.cols, Float64Array.from(Float32Array.from(matrix.data)));
}

describe("DenseOperator", () => {
  it.each([
    [3, 5, 2],
    [64, 256, 4],
    [70, 300, 7],
    [301, 65, 1],
    [257, 513, 9],
  ])("multiplies %i × %i with %i vectors on either side", async (rows, cols, count) => {
    const matrix = single(randomMatrix(rows, cols, 1));
    const operator = operatorOf(matrix);
    const [x, y] = [randomMatrix(count, cols, 2), randomMatrix(count, rows, 3)];
    expect(maxDifference(await operator.apply(x), multiplyTransposed(x, matrix))).toBeLessThan(1e-11);
    expect(maxDifference(await operator.applyTransposed(y), multiply(y, matrix))).toBeLessThan(1e-11);
  });
});

describe("randomizedSvd", () => {
  it("finds a matrix of low rank exactly", async () => {
    const matrix = single(multiply(randomMatrix(90, 4, 1), randomMatrix(4, 70, 2)));
    const { left, values, right } = await randomizedSvd(operatorOf(matrix), {
      size: 20,
      iterations: 0,
      normal: normals(1),
    });
    const expected = singularValuesOf(matrix);
    for (let k = 0; k < 4; k++) {
      expect(Math.abs((values[k] as number) / (expected[k] as number) - 1)).toBeLessThan(1e-6);
    }
    expect(orthonormality(transpose(left))).toBeLessThan(1e-13);
    expect(orthonormality(transpose(right))).toBeLessThan(1e-13);
    const scaled = createMatrix(
      left.rows,
      left.cols,
      left.data.map((value, at) => value * (values[Math.floor(at / left.cols)] as number)),
    );
    expect(maxDifference(multiply(transpose(scaled), right), matrix)).toBeLessThan(1e-5);
  });

  it("loses little of a slow spectrum, and knows exactly how much it holds", async () => {
    const { u, v } = svd(randomMatrix(80, 60, 3));
    const slow = createMatrix(
      80,
      60,
      u.data.map((value, at) => value / Math.sqrt((at % 60) + 1)),
    );
    const matrix = single(multiply(slow, transpose(v)));
    const best = singularValuesOf(matrix);
    const { left, values } = await randomizedSvd(operatorOf(matrix), {
      size: 24,
      iterations: 2,
      normal: normals(1),
    });
    const energy = (spectrum: Float64Array, count: number) =>
      spectrum.subarray(0, count).reduce((sum, value) => sum + value * value, 0);
    const lost = 1 - energy(values, 8) / energy(best, 8);
    expect(lost).toBeGreaterThan(-1e-12);
    expect(lost).toBeLessThan(2e-3);
    const held = frobeniusNorm(multiply(left, matrix));
    expect(Math.sqrt(energy(values, values.length))).toBeCloseTo(held, 10);
  });

  it("takes no more directions than there are, and repeats with its seed", async () => {
    const operator = operatorOf(randomMatrix(5, 9, 1));
    const run = () => randomizedSvd(operator, { size: 50, iterations: 1, normal: normals(7) });
    const [first, second] = [await run(), await run()];
    expect(first.values).toHaveLength(5);
    expect(first.values).toEqual(second.values);
  });
});
