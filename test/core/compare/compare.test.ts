import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compareUpdates, subspaceMap } from "../../../src/core/compare/modules/compareUpdates";
import { createMatrix, frobeniusNorm, type Matrix, transpose } from "../../../src/core/linalg/matrix";
import { multiply } from "../../../src/core/linalg/multiply";
import type { Factors } from "../../../src/core/update/factors";
import { UpdateAnalysis } from "../../../src/core/update/updateAnalysis";
import { randomMatrix, scaled } from "../linalg/matrices";
import {
  dense,
  factorShapes,
  factorsOf,
  randomFactors,
  randomUpdates,
  regauged,
} from "../update/randomFactors";

function compare(first: Factors, second: Factors) {
  return compareUpdates(new UpdateAnalysis(first), new UpdateAnalysis(second));
}

function difference(x: Matrix, y: Matrix): Matrix {
  return createMatrix(
    x.rows,
    x.cols,
    x.data.map((value, at) => value - (y.data[at] as number)),
  );
}

function inner(x: Matrix, y: Matrix): number {
  return x.data.reduce((sum, value, at) => sum + value * (y.data[at] as number), 0);
}

/** Two updates of one shape, of ranks of their own. */
const updatePairs = fc
  .tuple(factorShapes, fc.integer({ min: 1, max: 10 }), fc.nat())
  .map(([{ rows, cols, rank, scale, seed }, otherRank, otherSeed]): [Factors, Factors] => [
    randomFactors(rows, cols, rank, seed, scale),
    randomFactors(rows, cols, otherRank, otherSeed + 7, 1.5),
  ]);

describe("compareUpdates", () => {
  it("agrees with dense arithmetic, ranks alike or not", () => {
    fc.assert(
      fc.property(updatePairs, ([first, second]) => {
        const x = dense(first);
        const y = dense(second);
        const [normX, normY] = [frobeniusNorm(x), frobeniusNorm(y)];
        const actual = compare(first, second);
        expect(Math.abs((actual.cosine as number) - inner(x, y) / normX / normY)).toBeLessThan(1e-12);
        expect(Math.abs((actual.inner as number) - inner(x, y))).toBeLessThan(1e-12 * normX * normY);
        const distance = frobeniusNorm(difference(x, y));
        expect(Math.abs((actual.distance as number) - distance)).toBeLessThan(1e-13 * (normX + normY));
        expect(actual.relativeChange).toBe(
          (actual.distance as number) / new UpdateAnalysis(first).metrics.frobenius,
        );
      }),
    );
  });

  it("finds an update equal to itself in every gauge", () => {
    fc.assert(
      fc.property(randomUpdates, fc.nat(), (factors, seed) => {
        const actual = compare(factors, regauged(factors, seed));
        expect(actual.relativeChange).toBeLessThanOrEqual(1e-12);
        expect(actual.cosine).toBeGreaterThan(1 - 1e-12);
        expect(actual.subspaceSimilarity).toBeGreaterThan(1 - 1e-10);
      }),
    );
  });

  it("calls equal bytes equal", () => {
    const factors = randomFactors(20, 30, 6, 5);
    const copy = { ...factors, a: scaled(factors.a, 1), b: scaled(factors.b, 1) };
    expect(compare(factors, copy)).toMatchObject({
      distance: 0,
      relativeChange: 0,
      cosine: 1,
      subspaceSimilarity: 1,
    });
    expect(compare(factors, { ...copy, scale: 2 }).relativeChange).toBeCloseTo(1, 12);
  });

  it("is symmetric where it should be", () => {
    fc.assert(
      fc.property(updatePairs, ([first, second]) => {
        const forth = compare(first, second);
        const back = compare(second, first);
        const size = Math.max(forth.distance as number, 1);
        expect(Math.abs((forth.cosine as number) - (back.cosine as number))).toBeLessThan(1e-13);
        expect(Math.abs((forth.distance as number) - (back.distance as number))).toBeLessThan(1e-12 * size);
        expect(
          Math.abs((forth.subspaceSimilarity as number) - (back.subspaceSimilarity as number)),
        ).toBeLessThan(1e-12);
      }),
    );
  });

  it.each([1e-2, 1e-6, 1e-8, 1e-10, 1e-12])("keeps the digits of a relative change of %f", (step) => {
    const first = randomFactors(60, 50, 6, 3);
    // A step along A alone: the difference is known exactly as step · B · A.
    const second = factorsOf(scaled(first.a, 1 + step), first.b);
    const { relativeChange } = compare(first, second);
    const exact = 1 + step - 1;
    expect(Math.abs((relativeChange as number) - exact)).toBeLessThan(1e-10 * exact + 5e-15);
  });

  it("sees a subspace that is contained, and one that is orthogonal", () => {
    const whole = randomFactors(20, 30, 6, 5);
    const part = factorsOf(createMatrix(2, 30, whole.a.data.slice(0, 60)), randomMatrix(20, 2, 8));
    expect(compare(whole, part).subspaceSimilarity).toBeCloseTo(1, 12);
    const left = createMatrix(1, 4, Float64Array.of(1, 0, 0, 0));
    const right = createMatrix(1, 4, Float64Array.of(0, 0, 1, 0));
    const orthogonal = compare(
      factorsOf(left, randomMatrix(5, 1, 1)),
      factorsOf(right, randomMatrix(5, 1, 2)),
    );
    expect(orthogonal.subspaceSimilarity).toBe(0);
    expect(orthogonal.cosine).toBeCloseTo(0, 15);
  });

  it("says why there is no number", () => {
    const some = randomFactors(5, 6, 2, 1);
    const zero = factorsOf(some.a, createMatrix(5, 2));
    expect(compare(some, randomFactors(6, 5, 2, 1))).toMatchObject({
      cosine: undefined,
      distance: undefined,
      reason: "The updates have different shapes, 5 × 6 and 6 × 5.",
    });
    const broken = { ...some, scale: Number.NaN, finite: false };
    expect(compare(some, broken).reason).toBe("The second update is not finite.");
    expect(compare(broken, some).reason).toBe("The first update is not finite.");
    const vanished = compare(some, zero);
    expect(vanished).toMatchObject({ cosine: undefined, relativeChange: 1, inner: 0 });
    expect(vanished.reason).toBe("The second update is zero.");
    const begun = compare(zero, some);
    expect(begun).toMatchObject({ relativeChange: undefined, subspaceSimilarity: undefined });
    expect(begun.distance).toBe(new UpdateAnalysis(some).metrics.frobenius);
    expect(compare(zero, zero)).toMatchObject({ distance: 0, reason: "Both updates are zero." });
  });
});

describe("subspaceMap", () => {
  it("agrees with its definition on both sides", () => {
    const [first, second] = [randomFactors(9, 12, 4, 1), randomFactors(9, 12, 3, 2)].map(
      (factors) => new UpdateAnalysis(factors),
    ) as [UpdateAnalysis, UpdateAnalysis];
    for (const side of ["input", "output"] as const) {
      const vectors = (analysis: UpdateAnalysis) =>
        side === "input" ? analysis.rightVectors() : analysis.leftVectors();
      const overlap = multiply(vectors(first), transpose(vectors(second)));
      const map = subspaceMap(first, second, side) as Matrix;
      expect([map.rows, map.cols]).toEqual([4, 3]);
      for (let i = 1; i <= 4; i++) {
        for (let j = 1; j <= 3; j++) {
          let sum = 0;
          for (let p = 0; p < i; p++)
            for (let q = 0; q < j; q++) sum += (overlap.data[p * 3 + q] as number) ** 2;
          expect(map.data[(i - 1) * 3 + j - 1]).toBeCloseTo(sum / Math.min(i, j), 14);
        }
      }
    }
    const whole = subspaceMap(first, second, "input") as Matrix;
    expect(whole.data[11]).toBeCloseTo(compareUpdates(first, second).subspaceSimilarity as number, 14);
  });

  it("is 1 on the diagonal for an update and itself, and undefined where nothing can be compared", () => {
    const some = new UpdateAnalysis(randomFactors(9, 12, 4, 1));
    const map = subspaceMap(some, some, "input") as Matrix;
    for (let i = 0; i < 4; i++) expect(map.data[i * 5]).toBeCloseTo(1, 13);
    const zero = new UpdateAnalysis(factorsOf(randomMatrix(4, 12, 1), createMatrix(9, 4)));
    expect(subspaceMap(some, zero, "input")).toBeUndefined();
    expect(subspaceMap(some, new UpdateAnalysis(randomFactors(9, 11, 4, 1)), "output")).toBeUndefined();
  });
});
