import { expect, test } from "vitest";
import { knownSnapshots } from "../../src/host/runs/pickSnapshots";
import type { RunsModel } from "../../src/host/runs/runsModel";
import { checkpoint, run } from "../core/runs/merge/runSamples";

test("where a model is wanted no adapter is offered, and no heading of a run that has nothing else", async () => {
  const part = (name: "adapter" | "weights") => ({ parts: [{ part: name } as never] });
  const found = [
    run([checkpoint(10, part("adapter"))], { name: "tuned" }),
    run([checkpoint(20, part("weights")), checkpoint(30, part("weights"))], { name: "model" }),
  ];
  const runs = { current: async () => ({ runs: found }) } as unknown as RunsModel;
  const labels = async (onlyModels: boolean) =>
    (await knownSnapshots(runs, new Set(["/ws/out/checkpoint-30"]), onlyModels)).map(({ label }) => label);
  expect(await labels(false)).toEqual(["tuned", "checkpoint-10", "model", "checkpoint-20"]);
  expect(await labels(true)).toEqual(["model", "checkpoint-20"]);
});
