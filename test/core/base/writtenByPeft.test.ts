import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { fitFindings } from "../../../src/core/base/baseFit";
import { compareWithBase } from "../../../src/core/base/compareWithBase";
import { extractAdapter } from "../../../src/core/transform/extract";
import { merge } from "../../../src/core/transform/model/merge";
import { nodeFiles } from "../../../src/worker/nodeFiles";
import { nodeSink } from "../../../src/worker/nodeSink";
import { openSession, valuesOf } from "../../support/made/tensorFiles";
import { projectRoot } from "../../support/projectRoot";

const fixtures = join(projectRoot, "test/fixtures/peft");
const folder = mkdtempSync(join(tmpdir(), "peft-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

type Changed = readonly [norm: number, baseNorm: number, first: number, last: number];
interface Expected {
  readonly base: string;
  readonly weights: Readonly<Record<string, Changed>>;
}
const expected: Readonly<Record<string, Expected>> = JSON.parse(
  readFileSync(join(fixtures, "expected.json"), "utf8"),
);

async function sessions(name: string) {
  const { base = "", weights = {} } = expected[name] ?? {};
  const open = (path: string) => openSession(join(fixtures, path));
  return { adapter: await open(name), base: await open(join("bases", base)), weights };
}

async function merged(name: string, ending = "") {
  const { adapter, base } = await sessions(name);
  const path = join(folder, name + ending);
  await merge({
    files: nodeFiles,
    sink: nodeSink,
    base,
    adapters: [{ session: adapter, weight: 1 }],
    path,
    replace: false,
    maxShardBytes: 5e9,
    toolVersion: "1.2.3",
    now: new Date(0),
  });
  return path;
}

describe("an adapter as PEFT wrote it, over its base (makePeftFixtures.py)", () => {
  it.each([
    ["lokr_whole"],
    ["experts_all_linear"],
    ["experts_turned"],
    ["vit_renamed"],
    ["llava_renamed", "BaseNamesOfFile"],
    ["head_of_tied"],
    ["conv1d"],
  ])("%s moves each weight as far as merge_and_unload does, and fits", async (name, ...told) => {
    const { adapter, base, weights } = await sessions(name);
    const { modules, problems } = await compareWithBase(adapter, base);
    expect(problems).toEqual([]);
    expect(fitFindings(adapter, base).map(({ code }) => code)).toEqual(told);
    const square = (side: 0 | 1) =>
      Object.values(weights).reduce((sum, { [side]: value }) => sum + value ** 2, 0);
    const ours = (values: readonly number[]) => values.reduce((sum, value) => sum + value ** 2, 0);
    // The merged weights are rounded to single precision.
    expect(ours(modules.map(({ norm }) => norm)) / square(0)).toBeCloseTo(1, 5);
    expect(ours(modules.map(({ baseNorm }) => baseNorm)) / square(1)).toBeCloseTo(1, 5);
    for (const { weight, norm } of modules) {
      const [known] = weights[weight] ?? [];
      if (known !== undefined) expect(norm / known).toBeCloseTo(1, 5);
    }
  });

  it.each([
    "lokr_whole",
    "experts_all_linear",
    "experts_turned",
    "vit_renamed",
    "llava_renamed",
    "tokens_of_tied",
    "saved_whole_of_tied",
    "conv1d",
  ])("%s is merged to what merge_and_unload makes", async (name) => {
    const { base, weights } = await sessions(name);
    const after = await valuesOf(await merged(name));
    const before = await valuesOf(base.checkpoint.path);
    expect([...after.keys()].sort()).toEqual([...before.keys()].sort());
    for (const [weight, kept] of before) {
      const [, , first, last] = weights[weight] ?? [0, 0, kept.at(0), kept.at(-1)];
      expect(after.get(weight)?.at(0)).toBeCloseTo(first ?? Number.NaN, 5);
      expect(after.get(weight)?.at(-1)).toBeCloseTo(last ?? Number.NaN, 5);
    }
  });

  it("of GPT-2 and LLaVA is extracted under the names and sides that PEFT loads", async () => {
    for (const [name, module, sides] of [
      ["conv1d", "transformer.h.0.attn.c_attn", [2, 8, 24]],
      ["llava_renamed", "model.language_model.layers.0.mlp.up_proj", [2, 8, 6]],
    ] as const) {
      const { base } = await sessions(name);
      const path = join(folder, `${name}-extracted`);
      await extractAdapter({
        files: nodeFiles,
        sink: nodeSink,
        base,
        tuned: await openSession(await merged(name, "-tuned")),
        rule: { kind: "rank", rank: 2 },
        saveOthers: true,
        path,
        replace: false,
        toolVersion: "1.2.3",
        now: new Date(0),
      });
      const { adapter, adapterConfig } = await openSession(path);
      const found = adapter?.modules.find((each) => each.module === module);
      expect([found?.rank, found?.inFeatures, found?.outFeatures]).toEqual(sides);
      expect(adapterConfig?.fanInFanOut).toBe(name === "conv1d");
    }
  });

  it.each([
    ["kasa", "KaSA took the smallest singular directions out of each base weight"],
    ["repeated_layers", "repeats layers of the base (layer_replication)"],
  ])("%s is not merged, and told why", async (name, why) => {
    const { adapter, base } = await sessions(name);
    await expect(merged(name)).rejects.toThrow(why);
    expect(fitFindings(adapter, base)).toEqual([]);
    expect((await compareWithBase(adapter, base)).problems).toEqual([]);
  });
});
