import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Comparison } from "../../../src/core/compare/comparison";
import { alignSnapshots } from "../../../src/core/compare/tensors/alignSnapshots";
import { DiffTable } from "../../../src/core/compare/tensors/diffTable";
import { tensorSentence } from "../../../src/core/compare/tensors/tensorSentence";
import { unmovedWeights } from "../../../src/core/compare/unmovedWeights";
import { MemoryFiles } from "../../support/memoryFiles";
import { projectRoot } from "../../support/projectRoot";
import { type MemoryTensor, writeTensors } from "../adapter/memoryAdapters";
import { folderInMemory } from "../resume/resumeFiles";

/** Names with their rows of four values; of the dtype that is written. */
type Layout = Readonly<Record<string, number>>;

const tensorsOf = (layout: Layout, dtype: "F64" | "F32"): MemoryTensor[] =>
  Object.entries(layout).map(([name, rows]) => ({
    name,
    dtype,
    shape: [rows, 4],
    values: new Float64Array(rows * 4),
  }));

interface Side {
  readonly layout: Layout;
  readonly dtype?: "F64" | "F32";
  readonly config?: object;
  readonly step?: number;
}

async function compare(...sides: readonly Side[]) {
  const files = new MemoryFiles();
  for (const [at, { layout, dtype = "F64", config, step }] of sides.entries()) {
    writeTensors(files, `/${at}/model.safetensors`, tensorsOf(layout, dtype));
    if (config !== undefined) files.write(`/${at}/config.json`, JSON.stringify(config));
    if (step !== undefined)
      files.write(`/${at}/trainer_state.json`, JSON.stringify({ global_step: step, log_history: [] }));
  }
  const paths = sides.map((_, at) => `/${at}`);
  const { view, snapshots } = await Comparison.compute(files, paths, () => undefined);
  const { rows } = alignSnapshots(snapshots);
  return { view, rows, table: new DiffTable(rows.length, [{ a: 0, b: 1 }]) };
}

const numbers = (changed: number, relativeL2: number, mismatches = 0) => ({
  ...{ maxAbs: 0, meanAbs: 0, cosine: 1, normA: 1, normDifference: 0 },
  ...{ relativeL2, changed, mismatches },
});

describe("what is the same", () => {
  const told = async (a: Side, b: Side) => {
    const { rows, table } = await compare(a, b);
    for (const [row, { tensors }] of rows.entries())
      if (tensors.every((tensor) => tensor?.shape[0] === tensors[0]?.shape[0]))
        table.set(row, 0, "compared", numbers(0, 0));
    return tensorSentence(rows, 0, 1, table);
  };

  it("is all of it only where neither has more", async () => {
    const layout = { a: 2, b: 2 };
    expect(await told({ layout }, { layout })).toBe("all 2 tensors are equal");
    expect(await told({ layout: { a: 2 } }, { layout: { a: 2 } })).toBe("the only tensor is equal");
    expect(await told({ layout }, { layout: { ...layout, c: 2 } })).toBe("2 tensors are equal; 1 added");
    expect(await told({ layout }, { layout: { a: 2 } })).toBe("1 tensor is equal; 1 no longer there");
    expect(await told({ layout: { ...layout, e: 8 } }, { layout: { ...layout, e: 9 } })).toBe(
      "2 tensors are equal; 1 of another shape",
    );
  });

  it("is said with the dtype that is not", async () => {
    const layout = { a: 2, b: 2 };
    expect(await told({ layout }, { layout, dtype: "F32" })).toBe(
      "all 2 tensors are equal; 2 of another dtype",
    );
  });

  it("is no change of 0 where one has NaN", async () => {
    const { rows, table } = await compare({ layout: { a: 2, b: 2 } }, { layout: { a: 2, b: 2 } });
    table.set(0, 0, "compared", numbers(0.125, 0, 1));
    table.set(1, 0, "compared", numbers(0, 0));
    expect(tensorSentence(rows, 0, 1, table)).toBe(
      "1 of 2 tensors changed; 1 equal; 1 with values that are NaN or infinite in one alone",
    );
  });
});

describe("weights that did not move", () => {
  it("are doubted between two steps, once all of them were compared", async () => {
    const layout = { a: 2, b: 2 };
    const { view, rows, table } = await compare({ layout, step: 10 }, { layout, step: 20 });
    expect(unmovedWeights(view, rows, undefined)).toEqual([]);
    table.set(0, 0, "compared", numbers(0, 0));
    expect(unmovedWeights(view, rows, table)).toEqual([]);
    table.set(1, 0, "equal bytes");
    expect(unmovedWeights(view, rows, table)).toMatchObject([
      { code: "WeightsUnmoved", severity: "warning", message: expect.stringContaining("step 20") },
    ]);
    table.set(1, 0, "compared", numbers(0.01, 1e-9));
    expect(unmovedWeights(view, rows, table)).toEqual([]);
  });

  it("are of the steps that files tell themselves", async () => {
    const titan = join(projectRoot, "test/fixtures/dcp/titan");
    const files = folderInMemory(titan, "/b", folderInMemory(titan, "/a"));
    const { view } = await Comparison.compute(files, ["/a", "/b"], () => undefined);
    expect(view.columns.map(({ step }) => step)).toEqual([20, 20]);
  });

  it("are as they should be at one step, or where no step is known", async () => {
    const layout = { a: 2 };
    for (const step of [{}, { step: 10 }]) {
      const { view, rows, table } = await compare({ layout, ...step }, { layout, ...step });
      table.set(0, 0, "compared", numbers(0, 0));
      expect(unmovedWeights(view, rows, table)).toEqual([]);
    }
  });
});

describe("settings of two models", () => {
  const layout = { a: 2 };
  const theta = (rope_theta: number, more: object = {}) => ({
    layout,
    config: { model_type: "llama", rope_parameters: { rope_theta }, ...more },
  });
  const told = async (...sides: readonly Side[]) =>
    (await compare(...sides)).view.problems.filter(({ code }) => code === "SettingsDiffer");

  it("that differ are told, since the same weights compute something else under them", async () => {
    expect(await told(theta(10000), theta(500000, { hidden_act: "silu" }))).toMatchObject([
      {
        severity: "info",
        message: expect.stringContaining(
          '"rope_parameters.rope_theta" 10000 → 500000, "hidden_act" not set → silu.',
        ),
      },
    ]);
  });

  it("are not told where they agree, or differ in who wrote them and how weights are stored", async () => {
    const other = { transformers_version: "5", dtype: "bfloat16", _name_or_path: "/x", use_cache: false };
    expect(await told(theta(10000), theta(10000, other), { layout })).toEqual([]);
  });
});
