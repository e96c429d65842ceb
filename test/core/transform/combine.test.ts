import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { encodeValues } from "../../../src/core/tensors/encode";
import { combine } from "../../../src/core/transform/combine/combine";
import { merge } from "../../../src/core/transform/model/merge";
import type { ReductionRule } from "../../../src/core/transform/reductionPlan";
import { nodeFiles } from "../../../src/worker/nodeFiles";
import { nodeSink } from "../../../src/worker/nodeSink";
import { openSession, valuesOf, writeTensors } from "../../support/made/tensorFiles";
import { projectRoot } from "../../support/projectRoot";

const fixtures = join(projectRoot, "test/fixtures/merge");
const folder = mkdtempSync(join(tmpdir(), "combine-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const target = { files: nodeFiles, sink: nodeSink, replace: true, toolVersion: "1.2.3", now: new Date(0) };

async function opened(adapters: readonly (readonly [path: string, weight: number])[]) {
  return Promise.all(adapters.map(async ([path, weight]) => ({ session: await openSession(path), weight })));
}

async function combined(out: string, adapters: readonly (readonly [string, number])[], rule?: ReductionRule) {
  return combine({
    ...target,
    adapters: await opened(adapters),
    path: join(folder, out),
    ...(rule && { rule }),
  });
}

async function mergedWeights(out: string, adapters: readonly (readonly [string, number])[]) {
  const base = await openSession(join(fixtures, "base"));
  const path = join(folder, out);
  await merge({ ...target, base, adapters: await opened(adapters), path, maxShardBytes: 5e9 });
  return valuesOf(path);
}

/** An adapter of one module, ΔW = scale · b · a. */
function adapter(
  name: string,
  module: string,
  a: readonly (readonly number[])[],
  b: readonly (readonly number[])[],
  fields: Readonly<Record<string, unknown>> = {},
): string {
  const tensor = (suffix: string, rows: readonly (readonly number[])[]) => ({
    ...{ name: `base_model.model.${module}.${suffix}.weight`, dtype: "F32" },
    ...{
      shape: [rows.length, rows[0]?.length ?? 0],
      data: encodeValues(Float64Array.from(rows.flat()), "F32"),
    },
  });
  writeTensors(join(folder, name, "adapter_model.safetensors"), [tensor("lora_A", a), tensor("lora_B", b)]);
  const config = {
    peft_type: "LORA",
    r: a.length,
    lora_alpha: a.length,
    target_modules: [module],
    ...fields,
  };
  writeFileSync(join(folder, name, "adapter_config.json"), JSON.stringify(config));
  return join(folder, name);
}

const plain = join(fixtures, "plain");

/** PEFT 0.21 fails at a module that is a target and holds one: it would be wrapped twice. */
test("a parameter that PEFT wraps is no target by its module", async () => {
  const fields = { target_modules: [], target_parameters: ["q_proj.weight"] };
  const one = adapter("parameter", "m.q_proj", [[1, 2]], [[3], [4]], fields);
  const other = adapter("another", "m.v_proj", [[1, 2]], [[3], [4]]);
  await combined("parameters", [
    [one, 1],
    [one, 1],
    [other, 1],
  ]);
  const config = JSON.parse(readFileSync(join(folder, "parameters", "adapter_config.json"), "utf8"));
  expect(config).toMatchObject({
    ...{ target_modules: ["m.v_proj"], target_parameters: ["q_proj.weight"] },
    // PEFT looks up the rank of a parameter by its own path.
    ...{ r: 2, rank_pattern: { "m.v_proj": 1 } },
  });
});

describe("adapters combined", () => {
  test.each([[undefined], [{ kind: "rank", rank: 1 }], [{ kind: "energy", share: 0.9 }]] as const)(
    "one with weight 0 changes nothing (%o)",
    async (rule) => {
      const other = adapter("other", "m.q", [[1, 2]], [[3], [4]]);
      await combined(
        "none",
        [
          [plain, 0],
          [other, 0],
        ],
        rule,
      );
      const values = await valuesOf(join(folder, "none"));
      expect([...values.values()].flat().every(Number.isFinite)).toBe(true);
      for (const [name, each] of values)
        if (name.includes("lora_B")) expect(new Set(each.map(Math.abs))).toEqual(new Set([0]));
    },
  );

  test("one with weight 1 is itself, to the last bit", async () => {
    const { worstDeviation } = await combined("one", [[plain, 1]]);
    expect(worstDeviation).toBe(0);
    expect(await valuesOf(join(folder, "one"))).toEqual(
      await valuesOf(join(plain, "adapter_model.safetensors")),
    );
    const scales = async (path: string) =>
      (await openSession(path)).adapter?.modules.map(({ module, scale }) => [module, scale]);
    expect(await scales(join(folder, "one"))).toEqual(await scales(plain));
  });

  test("merged as one give the model that they give merged one by one", async () => {
    // Rank-stabilised, of rank 3, for one module of the two.
    const other = adapter(
      "other",
      "model.layers.0.o_proj",
      [
        [1, 2, 3, 4, 5, 6],
        [0, 1, 0, -1, 0, 1],
        [2, 0, 1, 0, 0, 3],
      ],
      Array.from({ length: 6 }, (_, row) => [row, 1 - row, row % 2]),
      { use_rslora: true, lora_alpha: 2 },
    );
    const { plan } = await combined("two", [
      [plain, 0.7],
      [other, -0.3],
    ]);
    expect(plan.modules.map(({ module, parts }) => [module.slice(-6), parts.length])).toEqual([
      ["o_proj", 2],
      ["q_proj", 1],
    ]);
    const [once, apart] = [
      await mergedWeights("once", [[join(folder, "two"), 1]]),
      await mergedWeights("apart", [
        [plain, 0.7],
        [other, -0.3],
      ]),
    ];
    for (const [name, values] of apart)
      for (const [at, value] of values.entries()) expect(once.get(name)?.[at]).toBeCloseTo(value, 4);
  });

  test("tell where they work against each other, and how far their spaces are apart", async () => {
    const x = adapter("x", "l.q", [[1, 0, 0]], [[1], [0]]);
    const against = adapter("against", "l.q", [[1, 0, 0]], [[-2], [0]]);
    const beside = adapter("beside", "l.q", [[1, 1, 0]], [[0], [1]]);
    const [pair] =
      (
        await combined("opposed", [
          [x, 1],
          [against, 1],
        ])
      ).plan.modules[0]?.conflicts ?? [];
    expect(pair).toMatchObject({ a: 0, b: 1, inputAngle: 0, outputAngle: 0 });
    expect(pair?.cosine).toBeCloseTo(-1, 12);
    // With a negative weight they agree.
    expect(
      (
        await combined("agreed", [
          [x, 1],
          [against, -1],
        ])
      ).plan.cosines[0]?.cosine,
    ).toBeCloseTo(1, 12);
    const [other] =
      (
        await combined("apart2", [
          [x, 1],
          [beside, 1],
        ])
      ).plan.modules[0]?.conflicts ?? [];
    expect(other?.cosine).toBeCloseTo(0, 12);
    expect(other?.inputAngle).toBeCloseTo(45, 10);
    expect(other?.outputAngle).toBeCloseTo(90, 10);
  });

  test("cut to a rank keep the most energy that it can", async () => {
    // ΔW = diag(3, 1) in all: rank 1 keeps 9 of 10.
    const x = adapter("d1", "l.q", [[1, 0]], [[3], [0]]);
    const y = adapter("d2", "l.q", [[0, 1]], [[0], [1]]);
    const { plan, modules } = await combined(
      "cut",
      [
        [x, 1],
        [y, 1],
      ],
      { kind: "rank", rank: 1 },
    );
    expect(modules).toMatchObject([{ rank: 1 }]);
    expect(plan.ranks.energyKept).toBeCloseTo(0.9, 12);
    expect(plan.ranks.error).toBeCloseTo(Math.sqrt(0.1), 12);
    expect(
      (
        await combined(
          "energy",
          [
            [x, 1],
            [y, 1],
          ],
          { kind: "energy", share: 0.95 },
        )
      ).modules,
    ).toMatchObject([{ rank: 2 }]);
  });

  test.each([
    ["DoRA", join(fixtures, "dora"), /magnitudes/],
    ["what was saved whole", join(fixtures, "kinds"), /no weighted sum/],
  ])("%s is refused, and nothing is left", async (_, path, message) => {
    const before = readdirSync(folder).sort();
    await expect(
      combined("refused", [
        [plain, 1],
        [path, 1],
      ]),
    ).rejects.toThrow(message);
    expect(readdirSync(folder).sort()).toEqual(before);
  });

  test("of different models are refused", async () => {
    const wide = adapter("wide", "model.layers.0.q_proj", [[1, 0, 0]], [[1], [0]]);
    await expect(
      combined("refused", [
        [plain, 1],
        [wide, 1],
      ]),
    ).rejects.toThrow(/different models/);
  });
});
