import { describe, expect, it } from "vitest";
import { parseJson } from "../../../src/core/json/parseJson";
import { type Lineage, type LineageSource, lineageOf, originsOf } from "../../../src/core/stage/lineage";
import { isBranched, layOutLineage } from "../../../src/core/stage/lineageLayout";

function source(name: string, more: Partial<LineageSource> = {}): LineageSource {
  return { path: `/p/${name}`, label: name, folder: `/p/${name}`, isAdapter: true, ...more };
}

const json = (value: unknown) => parseJson(JSON.stringify(value)).value;

function edgesOf({ nodes, edges }: Lineage): string[] {
  const name = (index: number) => nodes[index]?.path.replace("/p/", "");
  return edges.map(({ from, to, role, source: by }) => `${name(from)} → ${name(to)} ${role} ${by}`);
}

describe("the origins that a stage file names", () => {
  it("are paths relative to its folder, each once, with what the step kept", () => {
    const file = json({
      stage: "merged",
      parent: "../03",
      base: "../base",
      method: { name: "merge", adapters: [{ path: "../03", weight: 0.5 }], worstLostShare: 0.021 },
    });
    expect(originsOf(file, "/p/04")).toEqual([
      {
        path: "/p/03",
        role: "parent",
        text: "merged; rounding took at most 2.1 % of a module's ‖ΔW‖, with weight 0.5",
      },
      { path: "/p/base", role: "base", text: undefined },
    ]);
  });

  it("are none where it is no object, names itself, or has other values there", () => {
    expect(originsOf(json([1]), "/p/04")).toEqual([]);
    expect(originsOf(json({ parent: ".", base: 7, method: { adapters: "x" } }), "/p/04")).toEqual([]);
  });
});

describe("a lineage", () => {
  it("joins a pipeline by stage files, configurations, steps and stages, and says which", () => {
    const lineage = lineageOf([
      source("04-merged", {
        isAdapter: false,
        stageFile: json({ stage: "merged", parent: "../03/checkpoint-20", base: "../base" }),
      }),
      source("03/checkpoint-20", { stage: "fine-tuning", step: 20 }),
      source("03/checkpoint-10", { stage: "fine-tuning", step: 10 }),
      source("02", { stage: "rank-reduction", stageFile: json({ stage: "x", parent: "../01" }) }),
      source("01", { stage: "svd", base: { path: "/p/base" } }),
      source("base", { isAdapter: false }),
    ]);
    expect(edgesOf(lineage).sort()).toEqual([
      "01 → 02 parent stage-file",
      "02 → 03/checkpoint-10 parent stages",
      "03/checkpoint-10 → 03/checkpoint-20 parent steps",
      "03/checkpoint-20 → 04-merged parent stage-file",
      "base → 01 base config",
      "base → 04-merged base stage-file",
    ]);
    expect(isBranched(lineage)).toBe(true);
  });

  it("shows a parent that is gone as missing, and a base that is a name on a hub as elsewhere", () => {
    const lineage = lineageOf([
      source("02", { stageFile: json({ stage: "x", parent: "../gone" }) }),
      source("other", { base: { name: "meta-llama/Llama-3.1-8B" } }),
    ]);
    expect(lineage.nodes.map(({ path, status }) => [path, status])).toEqual(
      expect.arrayContaining([
        ["/p/gone", "missing"],
        ["meta-llama/Llama-3.1-8B", "elsewhere"],
      ]),
    );
  });

  it("guesses nothing where two stages could be the parent, or where it is another folder's", () => {
    const two = [
      source("a", { stage: "svd" }),
      source("b", { stage: "svd" }),
      source("c", { stage: "rank-reduction" }),
    ];
    expect(lineageOf(two).edges).toEqual([]);
    const elsewhere = source("x", { path: "/q/x", stage: "rank-reduction" });
    expect(lineageOf([source("a", { stage: "svd" }), elsewhere]).edges).toEqual([]);
  });

  it("ends where snapshots claim to come from each other", () => {
    const lineage = lineageOf([
      source("a", { stageFile: json({ stage: "x", parent: "../b" }) }),
      source("b", { stageFile: json({ stage: "x", parent: "../a" }) }),
    ]);
    expect(lineage.nodes).toHaveLength(2);
    expect(lineage.edges).toHaveLength(1);
  });

  it("is laid out so that parents are above and no line runs through a snapshot that is not its end", () => {
    for (let seed = 1; seed <= 200; seed++) {
      let state = seed;
      const random = () => {
        state = (state * 48_271) % 2_147_483_647;
        return state / 2_147_483_647;
      };
      const count = 2 + Math.floor(random() * 30);
      const sources = Array.from({ length: count }, (_, at) => {
        const parents = Array.from({ length: Math.floor(random() * 3) }, () => Math.floor(random() * count));
        const snapshots = parents.filter((each) => each < at).map((each) => ({ path: `../${each}` }));
        return source(String(at), { stageFile: json({ stage: "x", method: { snapshots } }) });
      });
      const lineage = lineageOf(sources.reverse());
      const { lanes, edgeLanes, laneCount } = layOutLineage(lineage);
      expect(Math.max(...lanes, ...edgeLanes)).toBeLessThan(laneCount);
      for (const [at, { from, to }] of lineage.edges.entries()) {
        expect(from).toBeLessThan(to);
        for (let row = from + 1; row < to; row++) expect(lanes[row]).not.toBe(edgeLanes[at]);
        for (const [other, edge] of lineage.edges.entries())
          if (other < at && edgeLanes[other] === edgeLanes[at])
            expect(edge.to <= from || edge.from >= to).toBe(true);
      }
    }
  });
});
