import { describe, expect, it } from "vitest";
import { Comparison } from "../../../src/core/compare/comparison";
import { createMatrix } from "../../../src/core/linalg/matrix";
import { MemoryFiles } from "../../support/memoryFiles";
import { writeAdapterFolder, writeTensors } from "../adapter/memoryAdapters";
import { randomMatrix, scaled } from "../linalg/matrices";

import { type Modules, svdModules } from "./layerModules";

const noStage = () => undefined;

describe("adapters under other names", () => {
  const moved = (prefix: string, scale: number): Modules =>
    Object.fromEntries(
      Object.entries(svdModules).map(([name, { a, b }]) => [
        name.replace(/^model\./, prefix),
        { a, b: scaled(b, scale) },
      ]),
    );

  it("have the true change and cosine, the rule, and a warning for loaders", async () => {
    const files = new MemoryFiles();
    writeAdapterFolder(files, "/run/old", moved("language_model.model.", 1));
    writeAdapterFolder(files, "/run/new", moved("model.language_model.", 1.1));
    const { modules, view, alignment } = await Comparison.compute(files, ["/run/old", "/run/new"], noStage);
    expect(modules).toHaveLength(36);
    for (const { pairs } of modules) {
      expect(pairs).toHaveLength(1);
      expect(pairs[0]?.relativeChange).toBeCloseTo(0.1, 12);
      expect(pairs[0]?.cosine).toBeCloseTo(1, 12);
    }
    expect(view.columns[1]?.relativeChange).toBeCloseTo(0.1, 12);
    expect(alignment.aligned).toMatchObject([{ snapshot: 1, kind: "nesting" }]);
    expect(view.problems.map(({ code, severity }) => [code, severity])).toEqual([
      ["NamesAligned", "info"],
      ["NamesNotInterchangeable", "warning"],
    ]);
  });

  it("have no change and no cosine where nothing is aligned", async () => {
    const files = new MemoryFiles();
    writeAdapterFolder(files, "/run/one", moved("model.", 1));
    writeAdapterFolder(files, "/run/other", moved("decoder.", 1));
    const { view } = await Comparison.compute(files, ["/run/one", "/run/other"], noStage);
    expect(view.columns[1]).toMatchObject({ relativeChange: undefined, cosine: undefined });
    expect(view.steps?.[0]).toMatchObject({ change: undefined });
    expect(view.modules).toHaveLength(72);
  });
});

describe("two models", () => {
  it("are told by their tensors, without a word of adapters", async () => {
    const files = new MemoryFiles();
    const tensors = (prefix: string) =>
      ["layers.0.q.weight", "layers.1.q.weight"].map((name) => ({
        name: prefix + name,
        shape: [2, 2],
        values: new Float64Array(4),
      }));
    writeTensors(files, "/a/model.safetensors", tensors("model."));
    writeTensors(files, "/b/model.safetensors", tensors("model.language_model."));
    const { view } = await Comparison.compute(files, ["/a", "/b"], noStage);
    expect(view.steps).toMatchObject([
      {
        ofTensors: true,
        sentence: "2 tensors of one name and shape in both, whose values were not compared",
      },
    ]);
    expect(view.story).toBeUndefined();
    expect(view.problems.map(({ code }) => code)).toEqual(["NamesAligned", "NamesNotInterchangeable"]);
  });
});

describe("pairs of aligned modules", () => {
  const [up, bare] = ["model.layers.0.mlp.experts.up_proj", "model.layers.0.q_proj"];
  const q = { a: randomMatrix(2, 6, 1), b: randomMatrix(5, 2, 2) };

  /** Three experts of rank 2, 6 → 5, the factors of each scaled as it is said. */
  function withExperts(files: MemoryFiles, path: string, scales: readonly number[]): void {
    const [a, b] = [randomMatrix(1, 36, 3), randomMatrix(1, 30, 4)];
    const values = b.data.map((value, at) => value * (scales[Math.floor(at / 10)] as number));
    writeAdapterFolder(files, path, { [bare]: q }, { r: 2, lora_alpha: 2 }, [
      { name: `base_model.model.${up}.lora_A.weight`, shape: [3, 2, 6], values: a.data },
      { name: `base_model.model.${up}.lora_B.weight`, shape: [3, 5, 2], values },
    ]);
  }

  it("compare a mixture expert by expert, and the whole as all of them together", async () => {
    const files = new MemoryFiles();
    withExperts(files, "/a", [1, 1, 1]);
    withExperts(files, "/b", [1.1, 1, -1]);
    const { modules } = await Comparison.compute(files, ["/a", "/b"], noStage);
    const module = modules.find(({ module: name }) => name === up);
    const [pair] = module?.pairs ?? [];
    const norms = module?.measurements[0]?.experts?.map(({ frobenius }) => frobenius) ?? [];
    const [n0 = 0, n1 = 0, n2 = 0] = norms;
    expect(pair?.experts?.map(({ relativeChange }) => relativeChange)).toEqual([
      expect.closeTo(0.1, 12),
      0,
      expect.closeTo(2, 12),
    ]);
    expect(pair?.experts?.map(({ cosine }) => cosine)).toEqual([
      expect.closeTo(1, 12),
      1,
      expect.closeTo(-1, 12),
    ]);
    expect(pair?.relativeChange).toBeCloseTo(Math.hypot(0.1 * n0, 2 * n2) / Math.hypot(n0, n1, n2), 12);
    const norm = Math.hypot(n0, n1, n2) * Math.hypot(1.1 * n0, n1, n2);
    expect(pair?.cosine).toBeCloseTo((1.1 * n0 ** 2 + n1 ** 2 - n2 ** 2) / norm, 12);
  });

  it("are there where one of them was not measured, with the reason and no numbers", async () => {
    const files = new MemoryFiles();
    writeAdapterFolder(files, "/a", { [bare]: q });
    const broken = {
      a: q.a,
      b: createMatrix(
        5,
        2,
        q.b.data.map(() => Number.NaN),
      ),
    };
    writeAdapterFolder(files, "/b", { [bare]: broken });
    const { modules, view } = await Comparison.compute(files, ["/a", "/b"], noStage);
    expect(modules[0]?.pairs).toMatchObject([
      { a: 0, b: 1, cosine: undefined, relativeChange: undefined, reason: expect.stringContaining("NaN") },
    ]);
    expect(view.columns[1]).toMatchObject({ relativeChange: undefined, cosine: undefined });
  });
});
