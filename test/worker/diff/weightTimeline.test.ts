import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, inject, it } from "vitest";
import { inStepOrder } from "../../../src/core/compare/computeTimeline";
import { openSnapshots } from "../../../src/core/compare/openSnapshots";
import { weightTimeline } from "../../../src/worker/diff/weightTimeline";
import { nodeFiles } from "../../../src/worker/nodeFiles";
import { NumbersPool } from "../../../src/worker/numbers/numbersPool";
import { safetensorsFile } from "../../support/made/safetensorsFile";

const folder = mkdtempSync(join(tmpdir(), "drift-"));
const pool = new NumbersPool({ threads: 1, threadFile: inject("numbersThreadFile") });

afterAll(async () => {
  await pool.dispose();
  rmSync(folder, { recursive: true, force: true });
});

function write(step: number, weight: readonly number[], bias: readonly number[]): string {
  const path = join(folder, `checkpoint-${step}`);
  mkdirSync(path);
  const file = safetensorsFile({
    tensors: [
      { name: "layers.0.q.weight", dtype: "F32", shape: [2] },
      { name: "layers.0.q.bias", dtype: "F32", shape: [1] },
      { name: "layers.1.q.weight", dtype: "F32", shape: [2] },
    ],
    data: new Uint8Array(Float32Array.of(...weight, ...bias, 3, 4).buffer),
  });
  writeFileSync(join(path, "model.safetensors"), file);
  return path;
}

it("follows the weights of modules over a run: against the first checkpoint and the one before", async () => {
  // ‖(3, 0, 4)‖ = 5; the steps are by 1 and by 2 more.
  const paths = [write(300, [3, 3], [4]), write(100, [3, 0], [4]), write(200, [3, 1], [4])];
  const snapshots = inStepOrder(await openSnapshots(nodeFiles, paths, () => undefined));
  const { checkpoints, modules, metrics, values } = await weightTimeline(snapshots, pool, {});
  expect(checkpoints.map(({ step }) => step)).toEqual([100, 200, 300]);
  expect(modules).toEqual(["layers.0.q", "layers.1.q"]);
  expect(metrics).toEqual(["fromFirst", "relativeChange"]);
  const rounded = (table: Float32Array | undefined) =>
    [...(table ?? [])].map((value) => Math.round(value * 1e6) / 1e6);
  expect(rounded(values.fromFirst)).toEqual([Number.NaN, 0.2, 0.6, Number.NaN, 0, 0]);
  const second = Math.round((2 / Math.sqrt(26)) * 1e6) / 1e6;
  expect(rounded(values.relativeChange)).toEqual([Number.NaN, 0.2, second, Number.NaN, 0, 0]);
});
