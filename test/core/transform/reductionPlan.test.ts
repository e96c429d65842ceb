import { describe, expect, it } from "vitest";
import { relativePathFrom } from "../../../src/core/stage/stageFileText";
import { rankFields } from "../../../src/core/transform/peftConfig";
import { planReduction, ruleProblem } from "../../../src/core/transform/reductionPlan";

describe("planReduction", () => {
  const module = (name: string, values: readonly number[]) => ({
    ...{ module: name, rank: values.length, inFeatures: 10, outFeatures: 30, bytesPerValue: 2 },
    singularValues: Float64Array.from(values),
  });

  it("chooses one rank for all that holds for all together", () => {
    const modules = [module("large", [10, 5, 1]), module("small", [1, 1, 1])];
    const plan = (share: number, scope: "uniform" | "module") =>
      planReduction(modules, { rule: { kind: "energy", share }, scope }).modules.map(({ rank: own }) => own);
    expect(plan(0.97, "uniform")).toEqual([2, 2]);
    expect(plan(0.97, "module")).toEqual([2, 3]);
    const { energyKept, bytesBefore, bytesAfter } = planReduction(modules, {
      rule: { kind: "rank", rank: 1 },
      scope: "module",
    });
    expect(energyKept).toBeCloseTo(101 / 129, 14);
    expect([bytesBefore, bytesAfter]).toEqual([2 * 3 * 40 * 2, 2 * 40 * 2]);
  });

  it("never goes below 1 nor above what is there", () => {
    const modules = [module("zero", [0, 0]), module("one", [3])];
    for (const rule of [
      { kind: "rank", rank: 64 },
      { kind: "energy", share: 1 },
      { kind: "svRatio", ratio: 2 },
      { kind: "svCumulative", share: 0.5 },
    ] as const) {
      for (const scope of ["module", "uniform"] as const) {
        const ranks = planReduction(modules, { rule, scope, maxRank: 4 }).modules.map((each) => each.rank);
        expect(ranks[1]).toBe(1);
        expect(ranks[0]).toBeGreaterThanOrEqual(1);
        expect(ranks[0]).toBeLessThanOrEqual(2);
      }
    }
  });

  it("says which numbers mean nothing", () => {
    expect(ruleProblem({ kind: "rank", rank: 0 })).toBeDefined();
    expect(ruleProblem({ kind: "rank", rank: 2.5 })).toBeDefined();
    expect(ruleProblem({ kind: "energy", share: 1.5 })).toBeDefined();
    expect(ruleProblem({ kind: "energy", share: Number.NaN })).toBeDefined();
    expect(ruleProblem({ kind: "svRatio", ratio: 0.5 })).toBeDefined();
    expect(ruleProblem({ kind: "svFro", share: 0.95 })).toBeUndefined();
  });
});

describe("rankFields", () => {
  it("lists exceptions from the most common rank, longest path first", () => {
    const written = (module: string, own: number, scale = 2) => ({ module, rank: own, scale, norm: 1 });
    expect(
      rankFields([written("a.q", 4), written("a.k", 4), written("a.b.v", 2), written("a.o", 4, 1)]),
    ).toEqual({
      r: 4,
      lora_alpha: 8,
      rank_pattern: { "a.b.v": 2 },
      alpha_pattern: { "a.b.v": 4, "a.o": 4 },
    });
    const nested = rankFields([written("x.a.q", 4), written("a.q", 2), written("b", 4)]);
    expect(nested.rank_pattern).toEqual({ "^a.q": 2 });
  });
});

describe("relativePathFrom", () => {
  it("leads from a folder to a file or folder", () => {
    expect(relativePathFrom("/run/02", "/run/01")).toBe("../01");
    expect(relativePathFrom("/run/02", "/other/x.safetensors")).toBe("../../other/x.safetensors");
    expect(relativePathFrom("C:\\run\\02", "C:\\run\\01")).toBe("../01");
    expect(relativePathFrom("C:\\run\\02", "D:\\x")).toBe("D:\\x");
    expect(relativePathFrom("/run/02/", "/run/02")).toBe(".");
  });
});
