import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { loadExpertFactors } from "../../../src/core/update/expertFactors";
import { measureModule } from "../../../src/core/update/measureModule";
import { UpdateAnalysis } from "../../../src/core/update/updateAnalysis";
import { moduleNamed, openFixture } from "../adapter/adapterFile";

const folder = join(import.meta.dirname, "../../fixtures/adapterKinds");

interface Norms {
  readonly frobenius: number;
  readonly spectral: number;
}

interface ExpectedModule extends Partial<Norms> {
  readonly rank: number;
  readonly scale: number;
  readonly layout: string;
  readonly inFeatures: number;
  readonly outFeatures: number;
  readonly experts?: readonly Norms[];
}

interface ExpectedFile {
  readonly dialect: string;
  readonly modules: Readonly<Record<string, ExpectedModule>>;
  readonly problems: readonly string[];
  readonly differences?: number;
  readonly carriesModel?: boolean;
  readonly unmeasured?: number;
}

const expected = JSON.parse(readFileSync(join(folder, "expected.json"), "utf8")) as Record<
  string,
  ExpectedFile
>;

function expectNorms(found: Norms | undefined, wanted: Norms): void {
  expect(Math.abs((found?.frobenius ?? 0) / wanted.frobenius - 1)).toBeLessThan(1e-12);
  expect(Math.abs((found?.spectral ?? 0) / wanted.spectral - 1)).toBeLessThan(1e-12);
}

describe.each(Object.entries(expected))("%s (makeAdapterKinds.py)", (file, about) => {
  const { adapter, read } = openFixture(file, folder);

  it("is recognised, and what it means is said", () => {
    expect(adapter.dialect).toBe(about.dialect);
    expect(adapter.problems.map(({ code }) => code)).toEqual(about.problems);
    expect(adapter.unpaired).toEqual([]);
    expect(adapter.differences).toHaveLength(about.differences ?? 0);
    expect(adapter.carriesModel).toBe(about.carriesModel ?? false);
    const count = Object.keys(about.modules).length + (about.unmeasured ?? 0);
    expect(adapter.modules).toHaveLength(count);
  });

  it.each(Object.entries(about.modules))("%s has the numbers of the dense update", async (name, wanted) => {
    const module = moduleNamed(adapter, name);
    const { rank, layout, inFeatures, outFeatures } = wanted;
    expect(module).toMatchObject({ rank, layout, inFeatures, outFeatures });
    const { measurement, analysis } = await measureModule(module, read);
    expect(measurement.scale).toBe(wanted.scale);
    if (wanted.experts === undefined) expectNorms(measurement.metrics, wanted as Norms);
    else {
      expect(measurement.metrics).toBeUndefined();
      expect(analysis).toBeUndefined();
      expect(measurement.experts).toHaveLength(wanted.experts.length);
      for (const [expert, norms] of wanted.experts.entries()) {
        expectNorms(measurement.experts?.[expert], norms);
      }
      const { count, factorsOf } = await loadExpertFactors(module, read);
      const last = new UpdateAnalysis(factorsOf(count - 1)).metrics;
      expectNorms(last, wanted.experts.at(-1) as Norms);
    }
  });
});

describe("fused experts without their configuration", () => {
  it("are never measured as one product", async () => {
    const { adapter, read } = openFixture("fused_experts_alone", folder);
    for (const module of adapter.modules) {
      expect(module.layout).toBe("experts");
      const { measurement } = await measureModule(module, read);
      expect(measurement.metrics).toBeUndefined();
      expect(measurement.experts).toBeUndefined();
      expect(measurement.unavailable).toMatch(/adapter_config\.json, which is missing/);
    }
  });
});
