import { expect, it } from "vitest";
import { findRun } from "../../../../src/core/runs/discover/runNames";
import { only, search } from "./searchMemory";
import { peftCheckpoint } from "./trainerFiles";

it("finds a run again under its id, and under the one it had before its first checkpoint", async () => {
  const log = { "/ws/out/runs/Nov05_00-00-00_host/events.out.tfevents.1.host": "" };
  const before = only((await search({ "/ws/out/metrics.csv": "step,loss\n1,2\n" })).runs);
  const { runs } = await search({ ...peftCheckpoint("/ws/out/checkpoint-40", { step: 40 }), ...log });
  const after = only(runs);
  expect(after.id).not.toBe(before.id);
  expect(findRun(runs, after.id)).toBe(after);
  expect(findRun(runs, before.id)).toBe(after);
  expect(findRun(runs, "/ws/other#log")).toBeUndefined();
  // Of two trainings in one folder none can be meant for sure.
  const two = { ...peftCheckpoint("/ws/out/checkpoint-50", { step: 50, maxSteps: 77, seed: 3 }) };
  const several = await search({ ...peftCheckpoint("/ws/out/checkpoint-40", { step: 40 }), ...two });
  expect(several.runs).toHaveLength(2);
  expect(findRun(several.runs, before.id)).toBeUndefined();
});
