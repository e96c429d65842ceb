import { describe, expect, it } from "vitest";
import { compareUpdates } from "../../../src/core/compare/modules/compareUpdates";
import { loadFactors } from "../../../src/core/update/factors";
import { UpdateAnalysis } from "../../../src/core/update/updateAnalysis";
import { moduleNamed, openFixture, readReference } from "../adapter/adapterFile";

/** What makeLoraReference.py computed with dense float64 arithmetic. */
interface Reference {
  readonly files: Record<string, Record<string, ExpectedModule>>;
  readonly pairs: readonly {
    readonly first: [string, string];
    readonly second: [string, string];
    readonly cosine: number;
    readonly relativeChange: number;
    readonly distance: number;
    readonly subspaceSimilarity: number;
  }[];
}

interface ExpectedModule {
  readonly layout: string;
  readonly rank: number;
  readonly alpha: number | null;
  readonly scale: number;
  readonly inFeatures: number;
  readonly outFeatures: number;
  readonly adapterName?: string;
  readonly magnitude?: boolean;
  readonly bias?: boolean;
  readonly singularValues: readonly number[];
  readonly energy?: readonly number[];
  readonly [metric: string]: unknown;
}

const reference = readReference() as Reference;
const relativeMetrics = [
  "normA",
  "normB",
  "frobenius",
  "spectral",
  "nuclear",
  "stableRank",
  "effectiveRank",
] as const;
const counts = ["rank90", "rank95", "rank99"] as const;

function expectClose(actual: number | undefined, expected: number, tolerance: number, what: string): void {
  const difference = Math.abs((actual ?? Number.NaN) - expected);
  expect(difference, `${what}: ${actual} for ${expected}`).toBeLessThanOrEqual(tolerance);
}

describe.each(Object.entries(reference.files))("%s against dense float64", (file, modules) => {
  const { adapter, read } = openFixture(file);

  it("finds exactly the modules that were written", () => {
    expect(adapter.modules.map(({ module }) => module).sort()).toEqual(Object.keys(modules).sort());
    expect(adapter.unpaired).toEqual([]);
  });

  it.each(Object.entries(modules))("%s", async (name, expected) => {
    const module = moduleNamed(adapter, name);
    const { layout, rank, inFeatures, outFeatures } = expected;
    expect(module).toMatchObject({ layout, rank, inFeatures, outFeatures });
    expect(module.adapterName).toBe(expected.adapterName);
    expect(module.magnitude !== undefined).toBe(expected.magnitude ?? false);
    expect(module.bias !== undefined).toBe(expected.bias ?? false);
    const factors = await loadFactors(module, read);
    expect(factors.alpha ?? null).toBe(expected.alpha);
    expectClose(factors.scale, expected.scale, 1e-15 * expected.scale, "scale");
    const { metrics } = new UpdateAnalysis(factors);
    const { singularValues } = expected;
    const largest = singularValues[0] as number;
    expect(metrics.finite).toBe(true);
    expect(metrics.zero).toBe(largest === 0);
    expect(metrics.singularValues).toHaveLength(singularValues.length);
    singularValues.forEach((value, i) => {
      expectClose(metrics.singularValues[i], value, 1e-12 * largest, `singular value ${i}`);
    });
    for (const metric of relativeMetrics) {
      const value = (expected[metric] ?? 0) as number;
      expectClose(metrics[metric], value, 1e-12 * value, metric);
    }
    expected.energy?.forEach((value, i) => {
      expectClose(metrics.energy[i], value, 1e-12, `energy ${i}`);
    });
    for (const count of counts) expect(metrics[count]).toBe(expected[count] ?? 0);
  });
});

describe("comparisons against dense extended precision", () => {
  async function analysisOf([file, name]: readonly [string, string]): Promise<UpdateAnalysis> {
    const { adapter, read } = openFixture(file);
    return new UpdateAnalysis(await loadFactors(moduleNamed(adapter, name), read));
  }

  it.each(reference.pairs)("$first and $second", async (expected) => {
    const first = await analysisOf(expected.first);
    const second = await analysisOf(expected.second);
    const actual = compareUpdates(first, second);
    const norm = first.metrics.frobenius;
    expectClose(actual.cosine, expected.cosine, 1e-12, "cosine");
    // What is left of a difference between two gauges is the rounding of their own factors.
    const rounding = expected.relativeChange < 1e-12 ? 1e-12 : 1e-14;
    const tolerance = 1e-10 * expected.relativeChange + rounding;
    expectClose(actual.relativeChange, expected.relativeChange, tolerance, "relative change");
    expectClose(actual.distance, expected.distance, tolerance * norm, "distance");
    expectClose(actual.subspaceSimilarity, expected.subspaceSimilarity, 1e-12, "subspace similarity");
    expect(actual.reason).toBeUndefined();
  });

  it("sees no difference between two ways to write one update", async () => {
    const first = await analysisOf(["stages", "start"]);
    const { relativeChange, cosine } = compareUpdates(first, await analysisOf(["stages", "gauge"]));
    expect(relativeChange).toBeLessThanOrEqual(1e-12);
    expect(cosine).toBeCloseTo(1, 14);
  });
});
