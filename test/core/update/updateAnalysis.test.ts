import fc from "fast-check";
import { Matrix as MlMatrix, SingularValueDecomposition } from "ml-matrix";
import { describe, expect, it } from "vitest";
import { createMatrix, frobeniusNorm, transpose } from "../../../src/core/linalg/matrix";
import { multiply } from "../../../src/core/linalg/multiply";
import { UpdateAnalysis } from "../../../src/core/update/updateAnalysis";
import { maxDifference, orthonormality, randomMatrix, scaled } from "../linalg/matrices";
import {
  dense,
  factorsOf,
  measureUpdate,
  randomFactors,
  randomUpdates,
  regauged,
  scaleColumns,
} from "./randomFactors";

function expectSameValues(actual: Float64Array, expected: ArrayLike<number>, tolerance = 1e-12): void {
  const largest = expected[0] ?? 0;
  actual.forEach((value, i) => {
    expect(Math.abs(value - (expected[i] ?? 0))).toBeLessThanOrEqual(tolerance * largest);
  });
}

describe("measureUpdate", () => {
  it("has the singular values of the dense product", () => {
    fc.assert(
      fc.property(randomUpdates, (factors) => {
        const product = dense(factors);
        const rows = Array.from({ length: product.rows }, (_, i) => [
          ...product.data.subarray(i * product.cols, (i + 1) * product.cols),
        ]);
        const expected = new SingularValueDecomposition(new MlMatrix(rows), { autoTranspose: true }).diagonal;
        const { singularValues } = measureUpdate(factors);
        expect(singularValues).toHaveLength(Math.min(product.rows, product.cols, factors.a.rows));
        expectSameValues(singularValues, expected);
      }),
    );
  });

  it("has Σσ² = ‖ΔW‖², monotone energies and ranks in bounds", () => {
    fc.assert(
      fc.property(randomUpdates, (factors) => {
        const metrics = measureUpdate(factors);
        const norm = frobeniusNorm(dense(factors));
        const r = metrics.singularValues.length;
        expect(Math.abs(metrics.frobenius / norm - 1)).toBeLessThan(1e-13);
        for (let i = 1; i < r; i++) {
          expect(metrics.energy[i]).toBeGreaterThanOrEqual(metrics.energy[i - 1] as number);
        }
        expect(metrics.energy[r - 1]).toBe(1);
        const bounded = [
          metrics.stableRank,
          metrics.effectiveRank,
          metrics.rank90,
          metrics.rank95,
          metrics.rank99,
        ];
        for (const value of bounded) {
          expect(value).toBeGreaterThanOrEqual(1 - 1e-14);
          expect(value).toBeLessThanOrEqual(r * (1 + 1e-14));
        }
        expect(metrics.rank90).toBeLessThanOrEqual(metrics.rank95);
        expect(metrics.rank95).toBeLessThanOrEqual(metrics.rank99);
        expect(metrics.spectral).toBeLessThanOrEqual(metrics.frobenius * (1 + 1e-14));
        expect(metrics.frobenius).toBeLessThanOrEqual(metrics.nuclear * (1 + 1e-14));
      }),
    );
  });

  it("does not depend on how the update is split into factors", () => {
    fc.assert(
      fc.property(randomUpdates, fc.nat(), (factors, seed) => {
        const expected = measureUpdate(factors).singularValues;
        expectSameValues(measureUpdate(regauged(factors, seed)).singularValues, expected);
      }),
    );
  });

  it("does not depend on the order of the ranks, nor on where the scale stands", () => {
    fc.assert(
      fc.property(randomUpdates, (factors) => {
        const { a, b, scale } = factors;
        const expected = measureUpdate(factors);
        const order = createMatrix(a.rows, a.rows);
        for (let i = 0; i < a.rows; i++) order.data[i * a.rows + ((i + 1) % a.rows)] = 1;
        const permuted = factorsOf(multiply(order, a), multiply(b, transpose(order)), scale);
        expectSameValues(measureUpdate(permuted).singularValues, expected.singularValues);
        expectSameValues(
          measureUpdate(factorsOf(a, scaled(b, scale))).singularValues,
          expected.singularValues,
        );
        expectSameValues(measureUpdate(factorsOf(a, b, -scale)).singularValues, expected.singularValues);
      }),
    );
  });

  it("gives zeros, not NaN, for an update that is zero", () => {
    const { a, b } = randomFactors(7, 9, 3, 1);
    const cases = [factorsOf(a, createMatrix(7, 3)), factorsOf(createMatrix(3, 9), b), factorsOf(a, b, 0)];
    for (const factors of cases) {
      const metrics = measureUpdate(factors);
      expect(metrics).toMatchObject({ finite: true, zero: true, frobenius: 0, spectral: 0, nuclear: 0 });
      expect(metrics).toMatchObject({
        stableRank: 0,
        effectiveRank: 0,
        numericalRank: 0,
        rank90: 0,
        rank99: 0,
      });
      expect([...metrics.singularValues, ...metrics.energy]).toEqual([0, 0, 0, 0, 0, 0]);
    }
    const empty = measureUpdate(factorsOf(createMatrix(0, 9), createMatrix(7, 0)));
    expect(empty).toMatchObject({ finite: true, zero: true, frobenius: 0 });
    expect(empty.singularValues).toHaveLength(0);
  });

  it("gives no spectrum for an update that is not finite", () => {
    const { a, b } = randomFactors(7, 9, 3, 1);
    const broken = a.data.with(4, Number.NaN);
    const metrics = measureUpdate({ ...factorsOf({ ...a, data: broken }, b), finite: false });
    expect(metrics).toMatchObject({
      finite: false,
      zero: false,
      frobenius: Number.NaN,
      effectiveRank: Number.NaN,
    });
    expect(metrics.singularValues).toHaveLength(0);
    const huge = measureUpdate(factorsOf(scaled(a, 1e300), scaled(b, 1e300)));
    expect(huge.finite).toBe(false);
  });

  it("measures products whose factors are far apart in size", () => {
    const factors = randomFactors(7, 9, 3, 1);
    const expected = measureUpdate(factors);
    const shifted = measureUpdate(factorsOf(scaled(factors.a, 2 ** -900), scaled(factors.b, 2 ** 900)));
    expectSameValues(shifted.singularValues, expected.singularValues, 1e-14);
    const tiny = measureUpdate(factorsOf(scaled(factors.a, 2 ** -400), scaled(factors.b, 2 ** -400)));
    expect(tiny.stableRank).toBeCloseTo(expected.stableRank, 12);
    expect(tiny.frobenius / expected.frobenius).toBeCloseTo(0, 200);
    expect(tiny.zero).toBe(false);
  });

  it("counts components: repeated ones once, equal shares exactly", () => {
    const a = randomMatrix(1, 30, 1);
    const repeated = multiply(createMatrix(4, 1, Float64Array.of(1, 2, 3, 4)), a);
    const metrics = measureUpdate(factorsOf(repeated, randomMatrix(20, 4, 2)));
    expect(metrics.numericalRank).toBe(1);
    expect(metrics.effectiveRank).toBeCloseTo(1, 10);
    expect([metrics.rank90, metrics.rank99]).toEqual([1, 1]);
    const identity = createMatrix(
      10,
      10,
      Float64Array.from({ length: 100 }, (_, at) => (at % 11 === 0 ? 1 : 0)),
    );
    const even = measureUpdate(factorsOf(identity, identity));
    expect([even.rank90, even.rank95, even.rank99]).toEqual([9, 10, 10]);
    expect(even.effectiveRank).toBeCloseTo(10, 12);
    expect(even.stableRank).toBeCloseTo(10, 12);
  });
});

describe("UpdateAnalysis", () => {
  it("gives singular vectors that put the update together again", () => {
    fc.assert(
      fc.property(randomUpdates, (factors) => {
        const analysis = new UpdateAnalysis(factors);
        const left = transpose(analysis.leftVectors());
        const right = analysis.rightVectors();
        expect(orthonormality(left)).toBeLessThan(2e-14);
        expect(orthonormality(transpose(right))).toBeLessThan(2e-14);
        const { singularValues } = analysis.metrics;
        const together = multiply(scaleColumns(left, singularValues), right);
        expect(maxDifference(together, dense(factors))).toBeLessThan(1e-13 * (singularValues[0] as number));
      }),
    );
  });

  it("decomposes once", () => {
    const analysis = new UpdateAnalysis(randomFactors(7, 9, 3, 1));
    expect(analysis.metrics).toBe(analysis.metrics);
    expect(analysis.leftVectors()).toBe(analysis.leftVectors());
    expect(analysis.rightVectors()).toBe(analysis.rightVectors());
    expect([analysis.rows, analysis.cols]).toEqual([7, 9]);
  });
});
