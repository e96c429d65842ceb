import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { verifyMergeText } from "../../../src/core/report/verifyMergeReport";
import { encodeValues } from "../../../src/core/tensors/encode";
import { readAllValues } from "../../../src/core/tensors/readValues";
import { merge } from "../../../src/core/transform/model/merge";
import { verifyMerge } from "../../../src/core/transform/model/verifyMerge";
import { nodeFiles } from "../../../src/worker/nodeFiles";
import { nodeSink } from "../../../src/worker/nodeSink";
import { openSession, writeTensors } from "../../support/made/tensorFiles";
import { projectRoot } from "../../support/projectRoot";

const fixtures = join(projectRoot, "test/fixtures/merge");
const folder = mkdtempSync(join(tmpdir(), "verify-merge-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function verified(merged: string, base: string, adapter: string) {
  const adapters = [{ session: await openSession(join(fixtures, adapter)), weight: 1 }];
  return verifyMerge({
    merged: await openSession(merged),
    base: await openSession(join(fixtures, base)),
    adapters,
  });
}

async function mergedWith(base: string, adapter: string, weight: number, out: string): Promise<string> {
  const request = {
    ...{ files: nodeFiles, sink: nodeSink, replace: true, maxShardBytes: 5e9 },
    ...{ toolVersion: "1.2.3", now: new Date(0), path: join(folder, out) },
  };
  const adapters = [{ session: await openSession(join(fixtures, adapter)), weight }];
  return (await merge({ ...request, base: await openSession(join(fixtures, base)), adapters })).path;
}

/** A copy of a file of weights in which some are changed. */
async function changed(
  source: string,
  out: string,
  change: (name: string, values: Float64Array) => Float64Array | undefined,
): Promise<string> {
  const session = await openSession(source);
  const reader = session.tensorReader();
  const tensors = [];
  for (const tensor of session.checkpoint.tensors) {
    const values = change(tensor.name, await readAllValues(tensor, (...range) => reader.readRange(...range)));
    if (values !== undefined)
      tensors.push({
        name: tensor.name,
        dtype: tensor.dtype,
        shape: tensor.shape,
        data: encodeValues(values, tensor.dtype as "F32"),
      });
  }
  await reader.close();
  return writeTensors(join(folder, out), tensors);
}

describe("a model held against base + adapter", () => {
  test.each([
    ["plain", "base"],
    ["plain16", "base16"],
    ["dora", "base"],
    ["kinds", "base"],
    ["experts", "experts/base"],
    ["differences", "experts/base"],
    // Rounded to 16 bits of a base in 32.
    ["plain16", "base"],
  ])("%s on %s, merged by torch, is it", async (adapter, base) => {
    const found = await verified(join(fixtures, adapter, "merged.safetensors"), base, adapter);
    expect(new Set(found.modules.map(({ verdict }) => verdict))).toEqual(new Set(["merged"]));
    expect(found).toMatchObject({ isMerged: true, changed: [], missing: [], extra: [], notReplaced: [] });
  });

  test.each([
    ["base", "plain"],
    ["base16", "plain16"],
  ])("%s merged with half the scale tells which one", async (base, adapter) => {
    const path = await mergedWith(base, adapter, 0.5, `half-${base}`);
    const found = await verified(path, base, adapter);
    expect(found.isMerged).toBe(false);
    const q = found.modules.find(({ module }) => module.endsWith("q_proj"));
    expect(q).toMatchObject({ verdict: "scaled", scale: 2 });
    expect(q?.foundScale).toBeCloseTo(1, 2);
    expect(verifyMergeText("half", found)).toContain("Merged with scale 1 instead of 2: 1 of 2 modules");
  });

  test("taken away instead of added tells the sign", async () => {
    const path = await mergedWith("base", "plain", -1, "minus");
    for (const { verdict, scale, foundScale } of (await verified(path, "base", "plain")).modules) {
      expect(verdict).toBe("scaled");
      expect(foundScale).toBeCloseTo(-scale, 5);
    }
  });

  test("tells modules that were not merged, and those that are neither", async () => {
    const base = await openSession(join(fixtures, "base"));
    const reader = base.tensorReader();
    const q = base.checkpoint.tensors.find(({ name }) => name.endsWith("q_proj.weight"));
    const own = q && (await readAllValues(q, (...range) => reader.readRange(...range)));
    await reader.close();
    const source = join(fixtures, "plain", "merged.safetensors");
    const half = await changed(source, "half.safetensors", (name, values) =>
      name.endsWith("q_proj.weight") ? own : values,
    );
    const found = await verified(half, "base", "plain");
    expect(found.modules.map(({ module, verdict }) => [module.slice(-6), verdict])).toEqual(
      expect.arrayContaining([
        ["q_proj", "notMerged"],
        ["o_proj", "merged"],
      ]),
    );
    const one = await changed(source, "one.safetensors", (name, values) => {
      if (name.endsWith("o_proj.weight")) values[7] = (values[7] as number) + 1e-3;
      return values;
    });
    const odd = (await verified(one, "base", "plain")).modules.find(({ verdict }) => verdict === "different");
    expect(odd).toMatchObject({ module: "model.layers.0.o_proj", outside: 1 });
  });

  test("tells other weights that are not the base's, and those that are not there", async () => {
    const source = join(fixtures, "plain", "merged.safetensors");
    const path = await changed(source, "norm.safetensors", (name, values) => {
      if (name === "model.norm.weight") values[0] = 2;
      return name === "lm_head.weight" ? undefined : values;
    });
    const found = await verified(path, "base", "plain");
    expect(found).toMatchObject({
      isMerged: false,
      changed: ["model.norm.weight"],
      missing: ["lm_head.weight"],
    });
  });

  test("DoRA's result without its adapter is told as none", async () => {
    const found = await verified(join(fixtures, "base/model.safetensors"), "base", "dora");
    expect(found.modules).toMatchObject([{ verdict: "notMerged" }]);
  });
});
