import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { DenseOperator } from "../../src/core/linalg/denseOperator";
import { gramOfColumns, gramOfRows, productOfColumns } from "../../src/core/linalg/gram";
import { columnVectors, pairProducts, rowVectors } from "../../src/core/linalg/innerProducts";
import { createMatrix, type Matrix, storedMatrix } from "../../src/core/linalg/matrix";
import { multiplyTransposed } from "../../src/core/linalg/multiply";
import { addCombinations, usePanelProducts } from "../../src/core/linalg/panels";
import { coreOfGrams, type ProductCore } from "../../src/core/linalg/productCore";
import { WasmProducts } from "../../src/kernels/wasmProducts";
import { randomMatrix } from "../core/linalg/matrices";

/** Rows and lengths on both sides of tiles, lanes and panels, and more rows than the kernels have room for. */
const shapes = [
  [1, 1],
  [3, 255],
  [4, 256],
  [5, 257],
  [16, 1001],
  [67, 700],
  [515, 60],
  [67, 12_000], // more than the kernels take at once
] as const;

const kernels = WasmProducts.create(inject("kernels")) as WasmProducts;
const relaxed = WasmProducts.create(inject("relaxedProducts"));

/** The same with the kernels and without them. */
function both<T>(work: () => T, fastest = kernels): readonly [fast: T, plain: T] {
  usePanelProducts(() => fastest);
  const fast = work();
  usePanelProducts(undefined);
  return [fast, work()];
}

/** @param length of the vectors, of products of values below 4. Zero where every bit is to be the same. */
function expectClose([fast, plain]: readonly [Matrix, Matrix], length: number): void {
  expect([fast.rows, fast.cols]).toEqual([plain.rows, plain.cols]);
  const worst = fast.data.reduce(
    (most, value, at) => Math.max(most, Math.abs(value - (plain.data[at] ?? 0))),
    0,
  );
  expect(worst).toBeLessThanOrEqual(16 * length * Number.EPSILON);
}

/** To the bit without relaxed SIMD, which adds in the same order, and with fewer roundings with it. */
function expectSame(work: () => Matrix, length: number): void {
  expectClose(both(work), 0);
  if (relaxed !== undefined) expectClose(both(work, relaxed), length);
}

function stored({ rows, cols, data }: Matrix): Matrix {
  return storedMatrix(rows, cols, Float32Array.from(data));
}

function sideBySide(matrices: readonly Matrix[]): Matrix {
  const values = matrices.flatMap(({ data }) => [...data]);
  return createMatrix(1, values.length, Float64Array.from(values));
}

describe("products with SIMD", () => {
  beforeAll(() => usePanelProducts(undefined));
  afterAll(() => usePanelProducts(undefined));

  it.each(shapes)("agree with the plain ones: %i rows of %i values", async (rows, length) => {
    const [x, y] = [randomMatrix(rows, length, 1), randomMatrix(rows + 2, length, 2)];
    const [tallX, tallY] = [randomMatrix(length, rows, 3), randomMatrix(length, rows + 1, 4)];
    const [single, tallSingle] = [stored(x), stored(tallX)];
    for (const work of [
      () => gramOfRows(x),
      () => gramOfColumns(tallX),
      () => gramOfRows(single),
      () => gramOfColumns(tallSingle),
      () => multiplyTransposed(x, y),
      () => multiplyTransposed(single, y),
      () => productOfColumns(tallX, tallY),
      () => productOfColumns(tallY, tallSingle),
    ]) {
      expectSame(work, length);
    }
    const pairs = [
      [0, 1],
      [2, 2],
      [1, 2],
    ] as const;
    const operands = [rowVectors(x), columnVectors(tallY), rowVectors(single)];
    expectSame(() => sideBySide(pairProducts(operands, pairs)), length);
    const operator = new DenseOperator(length, rows, Float32Array.from(tallX.data));
    for (const work of [
      () => operator.apply(randomMatrix(6, rows, 5)),
      () => operator.applyTransposed(randomMatrix(6, length, 5)),
    ]) {
      const [fast, plain] = both(work);
      expectClose([await fast, await plain], 0);
    }
  });

  it.each([
    [1, 1, 4],
    [3, 127, 8],
    [5, 129, 16],
    [7, 1003, 4],
    [600, 300, 8], // more rows than the kernels have room for
  ])(
    "add %i rows of %i values as the plain loop does, to the bit, from %i components",
    (rows, columns, count) => {
      const [own, components, factors] = [
        randomMatrix(rows, columns, 8),
        randomMatrix(count, columns, 9),
        randomMatrix(rows, count, 10),
      ];
      // Four factors of nothing leave a -0 as it is.
      factors.data.fill(0, 0, 4);
      own.data[0] = -0;
      const [fast, plain] = both(() => {
        const result = own.data.slice();
        addCombinations(result, components.data, factors.data, columns);
        return new BigUint64Array(result.buffer);
      });
      expect(fast).toEqual(plain);
    },
  );

  it.each([1, 2, 3, 7, 16, 64, 257])("find the core of factors of rank %i as the plain ones do", (rank) => {
    const grams = [randomMatrix(rank, 300 + rank, 11), randomMatrix(rank, 300 + 2 * rank, 12)].map((factor) =>
      gramOfRows(factor),
    ) as [Matrix, Matrix];
    for (const [fastest, tolerance] of [[kernels, 0] as const, [relaxed, 1e-13] as const]) {
      if (fastest === undefined) continue;
      expect(fastest.core(...grams, 1) !== undefined).toBe(rank <= 256);
      const [fast, plain] = both(() => coreOfGrams(...grams, -0.3) as ProductCore, fastest);
      for (const part of ["rb", "ra", "core"] as const) {
        const { data } = plain[part];
        const worst = data.map((value, at) => Math.abs(value - (fast[part].data[at] as number)));
        expect(Math.max(...worst)).toBeLessThanOrEqual(tolerance * Math.max(...data.map(Math.abs)));
      }
      const [largest = 0] = plain.values;
      for (const [k, value] of plain.values.entries())
        expect(Math.abs((fast.values[k] ?? 0) - value)).toBeLessThanOrEqual(tolerance * largest);
      expect(fast.values).toHaveLength(rank);
      expect(fast.pivot).toBeCloseTo(plain.pivot, 14);
    }
  });

  it("leave cores to the plain ones that take more", () => {
    const [near, far] = [randomMatrix(4, 4, 13), randomMatrix(4, 4, 14)];
    near.data.set(near.data.subarray(0, 4), 4);
    const [gram, dependent] = [gramOfRows(far), gramOfRows(near)];
    const diagonal = createMatrix(4, 4);
    for (let k = 0; k < 4; k++) diagonal.data[5 * k] = 1;
    for (const [b, a, scale] of [
      [gram, dependent, 1],
      [gram, gram, 0],
      [gram, gram, Number.MIN_VALUE],
      [diagonal, diagonal, 2],
    ] as const) {
      const [fast, plain] = both(() => coreOfGrams(b, a, scale));
      expect(fast).toEqual(plain);
    }
    expect(both(() => coreOfGrams(diagonal, diagonal, 2))[0]?.values).toEqual(Float64Array.of(2, 2, 2, 2));
    usePanelProducts(() => kernels);
    expect(() => coreOfGrams(gram, gram, Number.MAX_VALUE)).toThrow(RangeError);
  });

  it("let NaN and infinity through, and nothing of what was there before", () => {
    const x = randomMatrix(5, 300, 6);
    x.data[299] = Number.NaN;
    x.data[300] = Number.POSITIVE_INFINITY;
    const [fast, plain] = both(() => gramOfRows(x));
    expect(fast.data.map(Number)).toEqual(
      plain.data.map((value, at) => (Number.isFinite(value) ? (fast.data[at] ?? 0) : value)),
    );
    expectSame(() => gramOfRows(randomMatrix(3, 11, 7)), 11);
  });
});
