import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { extractCheckpoint } from "../../../src/core/report/makeAdapter";
import { merge } from "../../../src/core/transform/model/merge";
import { planMerge } from "../../../src/core/transform/model/mergePlan";
import { loadFactors } from "../../../src/core/update/factors";
import { nodeFiles } from "../../../src/worker/nodeFiles";
import { nodeSink } from "../../../src/worker/nodeSink";
import { openSession, valuesOf } from "../../support/made/tensorFiles";
import { projectRoot } from "../../support/projectRoot";
import { dense } from "../update/randomFactors";

const fixtures = join(projectRoot, "test/fixtures/merge");
const folder = mkdtempSync(join(tmpdir(), "merge-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function merged(
  base: string,
  adapters: readonly (readonly [path: string, weight: number])[],
  out: string,
) {
  return merge({
    files: nodeFiles,
    sink: nodeSink,
    base: await openSession(base),
    adapters: await Promise.all(
      adapters.map(async ([path, weight]) => ({ session: await openSession(path), weight })),
    ),
    path: join(folder, out),
    replace: false,
    maxShardBytes: 5e9,
    toolVersion: "1.2.3",
    now: new Date(0),
  });
}

/** ΔW of every module, value by value. */
async function updatesOf(path: string): Promise<ReadonlyMap<string, readonly number[]>> {
  const session = await openSession(path);
  const reader = session.tensorReader();
  const updates = new Map<string, readonly number[]>();
  for (const module of session.adapter?.modules ?? [])
    updates.set(module.module, [...dense(await loadFactors(module, (tensor) => reader.read(tensor))).data]);
  await reader.close();
  return updates;
}

/** Doubles are summed in another order by torch: a value may be the neighbour of the one that torch rounds to. */
function expectNear(found: readonly number[] | undefined, wanted: readonly number[], relative: number): void {
  expect(found).toHaveLength(wanted.length);
  for (const [at, value] of wanted.entries())
    expect(Math.abs((found?.[at] as number) - value)).toBeLessThanOrEqual(
      relative * Math.max(1, Math.abs(value)),
    );
}

describe("an adapter merged into its base", () => {
  test.each([
    ["plain", "base", 2 ** -23],
    ["plain16", "base16", 2 ** -8],
    ["dora", "base", 2 ** -23],
    ["kinds", "base", 2 ** -23],
    ["experts", "experts/base", 2 ** -22],
    ["differences", "experts/base", 2 ** -22],
  ])("%s has the weights that torch computes", async (name, base, relative) => {
    const { path } = await merged(join(fixtures, base), [[join(fixtures, name), 1]], name);
    const [found, wanted] = [
      await valuesOf(path),
      await valuesOf(join(fixtures, name, "merged.safetensors")),
    ];
    expect([...found.keys()].sort()).toEqual([...wanted.keys()].sort());
    let equal = 0;
    let all = 0;
    for (const [tensor, values] of wanted) {
      expectNear(found.get(tensor), values, relative);
      all += values.length;
      equal += values.filter((value, at) => found.get(tensor)?.[at] === value).length;
    }
    // Nearly all to the last bit.
    expect(equal / all).toBeGreaterThan(0.99);
  });

  test("tells what rounding to 16 bits took of each update", async () => {
    const { merged: modules } = await merged(
      join(fixtures, "base16"),
      [[join(fixtures, "plain16"), 1]],
      "told16",
    );
    const exact = await merged(join(fixtures, "base"), [[join(fixtures, "plain"), 1]], "told32");
    expect(modules.map(({ module }) => module)).toEqual(
      ["model.layers.0.o_proj", "model.layers.0.q_proj"].sort(),
    );
    for (const [at, { lostShare, updateNorm }] of modules.entries()) {
      expect(lostShare).toBeGreaterThan(1e-4);
      expect(lostShare).toBeLessThan(0.02);
      expect(updateNorm).toBeCloseTo(exact.merged[at]?.updateNorm ?? 0, 4);
      expect(exact.merged[at]?.lostShare).toBeLessThan(1e-6);
    }
  });

  test("twice with half its weight is merged once", async () => {
    const adapter = join(fixtures, "plain");
    const once = await merged(join(fixtures, "base"), [[adapter, 1]], "once");
    const twice = await merged(
      join(fixtures, "base"),
      [
        [adapter, 0.5],
        [adapter, 0.5],
      ],
      "twice",
    );
    const [a, b] = [await valuesOf(once.path), await valuesOf(twice.path)];
    for (const [name, values] of a) expectNear(b.get(name), values, 2 ** -22);
  });

  test("and taken away again is the base", async () => {
    const adapter = join(fixtures, "plain");
    const added = await merged(join(fixtures, "base"), [[adapter, 1]], "added");
    const back = await merged(added.path, [[adapter, -1]], "back");
    const [a, b] = [await valuesOf(join(fixtures, "base")), await valuesOf(back.path)];
    for (const [name, values] of a) expectNear(b.get(name), values, 2 ** -18);
  });

  test("and extracted again is its update", async () => {
    const { path } = await merged(join(fixtures, "base"), [[join(fixtures, "plain"), 1]], "for-extract");
    const out = join(folder, "extracted");
    const make = {
      files: nodeFiles,
      sink: nodeSink,
      out,
      replace: false,
      toolVersion: "1",
      now: new Date(0),
    };
    const rule = { kind: "energy", share: 1 - 1e-9, maxRank: 16 } as const;
    await extractCheckpoint(join(fixtures, "base"), path, rule, false, make);
    const [own, found] = [await updatesOf(join(fixtures, "plain")), await updatesOf(out)];
    expect([...found.keys()].sort()).toEqual([...own.keys()].sort());
    for (const [module, values] of own) expectNear(found.get(module), values, 1e-5);
  });

  test("says where it comes from", async () => {
    const { path } = await merged(join(fixtures, "base"), [[join(fixtures, "plain"), 1]], "stage");
    const stage = JSON.parse(readFileSync(join(path, "checkpoint-stage.json"), "utf8"));
    expect(stage).toMatchObject({ stage: "merged", createdBy: "checkpoint-explorer 1.2.3" });
    expect(stage.parent).toMatch(/fixtures\/merge\/plain$/);
    expect(stage.base).toMatch(/fixtures\/merge\/base$/);
  });

  test("is refused where it does not fit, and nothing is left", async () => {
    const refused = merged(join(fixtures, "plain"), [[join(fixtures, "kinds"), 1]], "refused");
    await expect(refused).rejects.toMatchObject({ code: "NotMergeable" });
    const quantised = merged(
      join(projectRoot, "test/fixtures/packed/weights.safetensors"),
      [[join(fixtures, "plain"), 1]],
      "refused",
    );
    await expect(quantised).rejects.toMatchObject({ code: "NotMergeable" });
    const dora = merged(join(fixtures, "base"), [[join(fixtures, "dora"), 0.5]], "refused");
    await expect(dora).rejects.toMatchObject({ code: "NotMergeable" });
    expect(readdirSync(folder).filter((name) => name.includes("refused"))).toEqual([]);
  });

  test("is planned without a byte of weights", async () => {
    const plan = await planMerge({
      base: await openSession(join(fixtures, "base")),
      adapters: [{ session: await openSession(join(fixtures, "kinds")), weight: 1 }],
    });
    expect([plan.modules, plan.changes.size, plan.replaced.size]).toEqual([3, 3, 1]);
  });
});
