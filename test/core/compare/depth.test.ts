import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compareUpdates, subspaceMap } from "../../../src/core/compare/modules/compareUpdates";
import { changeFrom, differenceFactors } from "../../../src/core/compare/modules/trueChange";
import { createMatrix, frobeniusNorm } from "../../../src/core/linalg/matrix";
import { planReduction, type ReductionRule } from "../../../src/core/transform/reductionPlan";
import { factorHealth } from "../../../src/core/update/factorHealth";
import { factorHistogram, histogramLimit } from "../../../src/core/update/factorHistogram";
import { factorNorms } from "../../../src/core/update/factorNorms";
import { loadFactors } from "../../../src/core/update/factors";
import { truncatedFactors } from "../../../src/core/update/truncatedFactors";
import { UpdateAnalysis } from "../../../src/core/update/updateAnalysis";
import { principalAngles, subspace } from "../../../src/core/update/updateOverlap";
import { moduleNamed, openFixture } from "../adapter/adapterFile";
import { dense, factorsOf, randomFactors, randomUpdates, regauged } from "../update/randomFactors";

interface Depth {
  readonly pairs: readonly {
    readonly first: string;
    readonly second: string;
    readonly energyKept: number;
    readonly newShare: number;
    readonly inputAngles: readonly number[];
    readonly outputAngles: readonly number[];
    readonly input: readonly (readonly number[])[];
    readonly output: readonly (readonly number[])[];
  }[];
  readonly norms: Record<string, Record<string, readonly number[]> & { readonly cancellation: number }>;
  readonly resized: readonly {
    readonly values: readonly number[];
    readonly kind: "svRatio" | "svCumulative" | "svFro";
    readonly parameter: number;
    readonly maxRank: number;
    readonly kohya: number;
    readonly exact: number;
  }[];
}

const depth = JSON.parse(
  readFileSync(join(import.meta.dirname, "../../fixtures/lora/depth.json"), "utf8"),
) as Depth;

async function analysisOf(label: string): Promise<UpdateAnalysis> {
  const { adapter, read } = openFixture("stages");
  return new UpdateAnalysis(await loadFactors(moduleNamed(adapter, label), read));
}

function expectAll(actual: ArrayLike<number>, expected: readonly number[], tolerance: number): void {
  expect(actual).toHaveLength(expected.length);
  expected.forEach((value, k) => {
    expect(Math.abs((actual[k] as number) - value), `value ${k}`).toBeLessThanOrEqual(tolerance);
  });
}

describe("pairs against dense float64 (makeLoraDepthReference.py)", () => {
  it.each(depth.pairs)("$first and $second", async (expected) => {
    const first = await analysisOf(expected.first);
    const second = await analysisOf(expected.second);
    const actual = compareUpdates(first, second);
    expect(Math.abs((actual.energyKept as number) - expected.energyKept)).toBeLessThan(1e-12);
    expect(Math.abs((actual.newShare as number) - expected.newShare)).toBeLessThan(1e-12);
    for (const side of ["input", "output"] as const) {
      const map = subspaceMap(first, second, side);
      expectAll(map?.data ?? [], expected[side].flat(), 1e-12);
      const angles = principalAngles(
        subspace(first, side, first.metrics.numericalRank),
        subspace(second, side, second.metrics.numericalRank),
      );
      // Angles of 1e-10 must come out as such, and not as 0.
      const reference = side === "input" ? expected.inputAngles : expected.outputAngles;
      expectAll(angles, reference, 1e-13 + 1e-9 * (reference.at(-1) ?? 0));
    }
  });

  it("keeps exactly its share of Σσ² in a truncation, and adds nothing", async () => {
    const start = await analysisOf("start");
    const { energyKept, newShare, relativeChange } = compareUpdates(start, await analysisOf("cut"));
    expect(energyKept).toBeCloseTo(start.metrics.energy[2] as number, 12);
    expect(newShare).toBeCloseTo(0, 12);
    expect((relativeChange as number) ** 2).toBeCloseTo(1 - (energyKept as number), 12);
  });
});

describe("sameness", () => {
  it("sees one update in other factors, whatever the gauge", () => {
    fc.assert(
      fc.property(randomUpdates, fc.nat(), (factors, seed) => {
        fc.pre(factors.a.rows > 1);
        const again = compareUpdates(
          new UpdateAnalysis(factors),
          new UpdateAnalysis(regauged(factors, seed)),
        );
        expect(again.sameness).toBe("gauge");
        expect(again.energyKept).toBeCloseTo(1, 9);
      }),
      { numRuns: 50 },
    );
  });

  it("tells equal factors, and does not take a small step for a gauge", async () => {
    const start = await analysisOf("start");
    expect(compareUpdates(start, await analysisOf("start")).sameness).toBe("bytes");
    for (const step of ["step10", "step8", "step2", "other"]) {
      expect(compareUpdates(start, await analysisOf(step)).sameness, step).toBeUndefined();
    }
    const coarse = (factors: UpdateAnalysis["factors"]) =>
      new UpdateAnalysis({ ...factors, rounding: 2 ** -8 });
    const near = await analysisOf("step6");
    expect(compareUpdates(coarse(start.factors), coarse(near.factors)).sameness).toBeUndefined();
  });
});

describe("norms of rows and columns", () => {
  it.each(Object.entries(depth.norms))("of %s", async (label, expected) => {
    const analysis = await analysisOf(label);
    const norms = factorNorms(analysis);
    for (const name of [
      "outputs",
      "inputs",
      "componentsOfA",
      "inputsOfA",
      "componentsOfB",
      "outputsOfB",
    ] as const) {
      expectAll(norms[name].values, expected[name] as readonly number[], 1e-6);
      expect(norms[name]).toMatchObject({ stride: 1, count: expected[name]?.length });
    }
    expect(factorHealth(analysis)?.cancellation).toBeCloseTo(expected.cancellation, 10);
  });

  it("thins out long ones by their largest", () => {
    const long = factorNorms(new UpdateAnalysis(randomFactors(5000, 3, 1, 1)));
    expect(long.outputs).toMatchObject({ stride: 3, count: 5000 });
    expect(long.outputs.values).toHaveLength(1667);
  });
});

describe("histograms of factors", () => {
  it("count every value, over one range", () => {
    const values = Float64Array.of(-2, -2, 0, 1, 2, 0.001);
    const { limit, counts, zeros } = factorHistogram(values, histogramLimit([values, Float64Array.of(1)]));
    expect([limit, zeros]).toEqual([2, 1]);
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(6);
    expect([counts[0], counts[50], counts[100]]).toEqual([2, 2, 1]);
    expect(factorHistogram(new Float64Array(3), 0).counts[50]).toBe(3);
  });
});

describe("the change from a start", () => {
  it("is the difference of the products, not of the factors", () => {
    fc.assert(
      fc.property(randomUpdates, fc.nat(), (first, seed) => {
        const second = randomFactors(first.b.rows, first.a.cols, 3, seed + 11, 0.7);
        const [x, y] = [dense(first), dense(second)];
        const expected = frobeniusNorm(
          createMatrix(
            x.rows,
            x.cols,
            y.data.map((value, at) => value - (x.data[at] as number)),
          ),
        );
        const change = changeFrom(new UpdateAnalysis(first), new UpdateAnalysis(second));
        expect(Math.abs((change?.frobenius as number) / expected - 1)).toBeLessThan(1e-11);
        expect(differenceFactors(first, second).a.rows).toBe(first.a.rows + 3);
      }),
      { numRuns: 40 },
    );
  });

  it("keeps its digits where the two nearly cancel, and is nothing where shapes differ", async () => {
    const start = await analysisOf("start");
    const near = await analysisOf("step8");
    const change = changeFrom(start, near)?.frobenius as number;
    expect(Math.abs(change / (compareUpdates(start, near).distance as number) - 1)).toBeLessThan(1e-6);
    expect(changeFrom(start, new UpdateAnalysis(randomFactors(3, 3, 1, 1)))).toBeUndefined();
  });
});

describe("ranks by kohya's rules", () => {
  it.each(depth.resized)("$kind $parameter of $values.length values", (expected) => {
    const { values, kind, parameter, maxRank } = expected;
    const rule: ReductionRule = kind === "svRatio" ? { kind, ratio: parameter } : { kind, share: parameter };
    const module = {
      module: "q",
      rank: values.length,
      inFeatures: 64,
      outFeatures: 64,
      singularValues: Float64Array.from(values),
      bytesPerValue: 4,
    };
    const rankOf = (more: object) =>
      planReduction([module], { rule, scope: "module", ...more }).modules[0]?.rank;
    expect(rankOf({})).toBe(Math.min(expected.exact, values.length));
    expect(rankOf({ kohyaPlusOne: true, maxRank })).toBe(expected.kohya);
  });
});

describe("truncated factors", () => {
  it("have the error that Eckart and Young promise, and the update itself at full rank", () => {
    fc.assert(
      fc.property(randomUpdates, fc.integer({ min: 1, max: 10 }), (factors, wanted) => {
        const analysis = new UpdateAnalysis(factors);
        const values = analysis.metrics.singularValues;
        const rank = Math.min(wanted, values.length);
        const scale = Math.abs(factors.scale);
        const { a, b } = truncatedFactors(analysis, rank, scale);
        const [x, y] = [dense(factors), dense(factorsOf(a, b, scale))];
        const distance = frobeniusNorm(
          createMatrix(
            x.rows,
            x.cols,
            y.data.map((value, at) => value - (x.data[at] as number)),
          ),
        );
        const lost = Math.sqrt(values.subarray(rank).reduce((sum, value) => sum + value * value, 0));
        expect(Math.abs(distance - lost)).toBeLessThan(1e-12 * (values[0] as number));
        const again = new UpdateAnalysis(factorsOf(a, b, scale));
        expect(again.metrics.normA).toBeCloseTo(again.metrics.normB, 10);
      }),
    );
  });

  it("leave components without weight trainable", () => {
    const { a, b } = randomFactors(20, 16, 2, 3);
    const padded = factorsOf(
      createMatrix(4, 16, Float64Array.from([...a.data, ...a.data])),
      createMatrix(
        20,
        4,
        Float64Array.from({ length: 80 }, (_, at) => b.data[Math.floor(at / 4) * 2 + (at % 2)] as number),
      ),
    );
    const factors = truncatedFactors(new UpdateAnalysis(padded), 4, 1);
    const lastOfB = Array.from({ length: 20 }, (_, i) => factors.b.data[i * 4 + 3]);
    expect(lastOfB.every((value) => value === 0)).toBe(true);
    expect(factors.a.data.subarray(3 * 16).some((value) => value !== 0)).toBe(true);
  });

  it("keep the first components of an update that is zero", () => {
    const { a } = randomFactors(20, 16, 4, 3);
    const cut = truncatedFactors(new UpdateAnalysis(factorsOf(a, createMatrix(20, 4))), 2, 1);
    expect([...cut.a.data]).toEqual([...a.data.subarray(0, 32)]);
    expect(cut.b.data.every((value) => value === 0)).toBe(true);
  });
});
