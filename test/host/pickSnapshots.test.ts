import { expect, test } from "vitest";
import type { CheckpointUse } from "../../src/core/runs/status/checkpointUses";
import { knownSnapshots } from "../../src/host/runs/pickSnapshots";
import type { RunsModel } from "../../src/host/runs/runsModel";
import { checkpoint, run } from "../core/runs/merge/runSamples";

const part = (name: "adapter" | "weights") => ({ parts: [{ part: name } as never] });
const found = [
  run([checkpoint(10, { ...part("adapter"), evalLoss: 1.25, best: true })], { name: "tuned" }),
  run([checkpoint(20, part("weights")), checkpoint(30, part("weights"))], { name: "model" }),
  run([checkpoint(40, { ...part("weights"), mainFile: "/ws/out/checkpoint-40/pytorch_model.bin" })], {
    name: "older",
  }),
];
const runs = { current: async () => ({ runs: found }) } as unknown as RunsModel;

const offered = (use?: CheckpointUse) => knownSnapshots(runs, new Set(["/ws/out/checkpoint-30"]), use);

test("what cannot serve is not offered, nor the heading of a run that has nothing else", async () => {
  const rows = async (use: CheckpointUse) =>
    (await offered(use)).flatMap(({ path, label }) => (path === undefined ? [] : [label]));
  expect(await rows("reading")).toEqual(["checkpoint-10", "checkpoint-20", "checkpoint-40"]);
  expect(await rows("model")).toEqual(["checkpoint-20", "checkpoint-40"]);
  expect(await rows("adapter")).toEqual(["checkpoint-10"]);
  expect(await rows("conversion")).toEqual(["checkpoint-40"]);
  expect(await offered("adapter")).toHaveLength(2);
});

test("a checkpoint says in a list what its row says", async () => {
  const [, first] = await offered("adapter");
  expect(first?.description).toMatch(/^★ best · .*eval 1\.250/);
});
