import { describe, expect, it } from "vitest";
import { CheckpointSession } from "../../../src/core/session/checkpointSession";
import { openReduceSource } from "../../../src/core/transform/reduceSource";
import { reducibleModules } from "../../../src/core/transform/reducibleModules";
import { planReduction, type ReductionOptions } from "../../../src/core/transform/reductionPlan";
import { MemoryFiles } from "../../support/memoryFiles";
import { writeAdapterFolder } from "../adapter/memoryAdapters";
import { randomMatrix } from "../linalg/matrices";

const pair = (seed: number, rank: number) => ({
  a: randomMatrix(rank, 90, seed),
  b: randomMatrix(80, rank, seed + 1),
});

async function adapter() {
  const files = new MemoryFiles();
  writeAdapterFolder(files, "/a", { "layers.0.q_proj": pair(1, 40), "layers.1.q_proj": pair(3, 12) });
  return CheckpointSession.open(files, "/a", () => undefined);
}

const rules: readonly ReductionOptions[] = [
  { rule: { kind: "rank", rank: 7 }, scope: "module" },
  { rule: { kind: "energy", share: 0.6 }, scope: "module" },
  { rule: { kind: "energy", share: 0.6 }, scope: "uniform" },
  { rule: { kind: "svFro", share: 0.7 }, scope: "module" },
  { rule: { kind: "svCumulative", share: 0.4 }, scope: "uniform" },
  { rule: { kind: "svRatio", ratio: 1.4 }, scope: "module" },
];

describe("reducibleModules", () => {
  it("plans from what a page is sent exactly as the reduction itself does", async () => {
    const session = await adapter();
    const { modules } = await openReduceSource(session);
    const view = await session.lora();
    const reducible = reducibleModules(view?.modules ?? []);
    expect(reducible).toMatchObject({ largestRank: 40, maxRank: undefined, problem: undefined });
    for (const options of rules) {
      expect(planReduction(reducible.modules, options)).toEqual(planReduction(modules, options));
    }
  });

  it("plans the same from spectra that are listed in part, as far as they go", async () => {
    const session = await adapter();
    const { modules } = await openReduceSource(session);
    // Half of the values for each of the two modules.
    const view = await session.lora(undefined, { maxListedValues: 48 });
    expect(view?.modules.map(({ unlistedValues }) => unlistedValues)).toEqual([16, undefined]);
    const reducible = reducibleModules(view?.modules ?? []);
    expect(reducible).toMatchObject({ largestRank: 24, maxRank: 24 });
    for (const options of rules) {
      const [whole, part] = [planReduction(modules, options), planReduction(reducible.modules, options)];
      expect(part.modules.map(({ rank }) => rank)).toEqual(whole.modules.map(({ rank }) => rank));
      expect(part.energyKept).toBeCloseTo(whole.energyKept, 12);
      expect(part.error).toBeCloseTo(whole.error, 12);
      for (const [index, planned] of part.modules.entries()) {
        expect(planned.sumKept).toBeCloseTo(whole.modules[index]?.sumKept ?? Number.NaN, 12);
      }
    }
    // A rule that needs more than is listed keeps what is listed, and says how little that is.
    const all = planReduction(reducible.modules, { rule: { kind: "energy", share: 1 }, scope: "module" });
    expect(all.modules.map(({ rank }) => rank)).toEqual([24, 12]);
    expect(all.modules[0]?.energyKept).toBeLessThan(1);
  });

  it("says which module stands in the way", async () => {
    const files = new MemoryFiles();
    const broken = pair(1, 2);
    broken.b.data[3] = Number.NaN;
    writeAdapterFolder(files, "/a", { "layers.0.q_proj": broken });
    const view = await (await CheckpointSession.open(files, "/a", () => undefined)).lora();
    expect(reducibleModules(view?.modules ?? []).problem).toMatch(/^layers\.0\.q_proj cannot be reduced: /);
  });

  it("counts the bytes of the dtype that is written", async () => {
    const { modules } = reducibleModules((await (await adapter()).lora())?.modules ?? []);
    const options: ReductionOptions = { rule: { kind: "rank", rank: 4 }, scope: "module" };
    expect(planReduction(modules, options, 2)).toMatchObject({
      bytesBefore: (40 + 12) * 170 * 8,
      bytesAfter: (4 + 4) * 170 * 2,
    });
  });
});
