import { describe, expect, it } from "vitest";
import type { Run } from "../../../../src/core/runs/run";
import {
  findDeletable,
  holdersOfState,
  removalsOf,
  unrecognisedNames,
} from "../../../../src/core/runs/status/deletable";
import type { StageLabel } from "../../../../src/core/stage/stage";
import { only, search } from "../discover/searchMemory";
import { peftCheckpoint, weights } from "../discover/trainerFiles";
import { checkpoint, nowMs, run } from "../merge/runSamples";

const stage = (name: string, inferred: boolean): StageLabel =>
  ({ stage: name, inferred, source: "name", reason: "" }) as unknown as StageLabel;

const answer = (of: Run) => {
  const { deletable, kept } = findDeletable(of, nowMs);
  return {
    deletable: deletable.map((one) => one.checkpoint.name),
    kept: Object.fromEntries(kept.map((one) => [one.checkpoint.name, one.reason])),
  };
};

describe("what a run could do without", () => {
  it("is neither best, nor last, nor final, nor a stage, nor being saved", () => {
    const list = [
      checkpoint(10),
      checkpoint(20, { best: true }),
      checkpoint(30, { stage: stage("merged", false) }),
      checkpoint(40, { stage: stage("svd", true) }),
      checkpoint(50, { incomplete: true }),
      checkpoint(60, { last: true }),
      checkpoint(70, { incomplete: true, modifiedMs: nowMs - 1000 }),
      checkpoint(80, { final: true, ownsFolder: false }),
    ];
    expect(answer(run(list))).toEqual({
      deletable: ["checkpoint-10", "checkpoint-50"],
      kept: {
        "checkpoint-20": "the best",
        "checkpoint-30": "marked as merged",
        "checkpoint-40": "the only one of stage svd",
        "checkpoint-60": "the last",
        "checkpoint-70": "being saved",
        "checkpoint-80": "the final model",
      },
    });
    const [first, second] = findDeletable(run(list), nowMs).deletable;
    expect(first?.reason).toBe("neither best nor last");
    expect(second?.reason).toContain("incomplete");
  });

  it("is every step of a stage that is inferred for all of them alike, but the best and the last", () => {
    const tuned = { stage: stage("fine-tuning", true) };
    const list = [
      checkpoint(10, { ...tuned, evalLoss: 2.5 }),
      checkpoint(20, { ...tuned, best: true }),
      checkpoint(30, { ...tuned, last: true }),
    ];
    expect(answer(run(list)).deletable).toEqual(["checkpoint-10"]);
    expect(findDeletable(run(list), nowMs).deletable[0]?.reason).toBe("eval loss 2.5");
  });

  it("is not the last one in which no fault was found, whatever was saved after it", () => {
    const notFinite = {
      problems: [{ severity: "error", code: "NotFiniteValues", message: "" }],
    } as const;
    const list = [
      checkpoint(10),
      checkpoint(20, { loss: 4.8 }),
      checkpoint(30, { loss: Number.NaN }),
      checkpoint(40, notFinite),
      checkpoint(50, { ...notFinite, last: true }),
    ];
    expect(answer(run(list))).toEqual({
      deletable: ["checkpoint-10", "checkpoint-30", "checkpoint-40"],
      kept: { "checkpoint-20": "the last without a fault", "checkpoint-50": "the last" },
    });
    expect(holdersOfState(run(list), nowMs)).toEqual([]);
  });

  it("is nothing where there is one, or a model in a folder of its own", () => {
    expect(answer(run([checkpoint(10)])).deletable).toEqual([]);
    const models = [
      checkpoint(10, { name: "a", ownsFolder: false }),
      checkpoint(20, { name: "b", ownsFolder: false }),
    ];
    expect(answer(run(models)).deletable).toEqual([]);
  });

  it("is not what holds a part of the log that no other one has", () => {
    const list = [checkpoint(10), checkpoint(20), checkpoint(30, { last: true })];
    const logFiles = [20, 30].map((step) => `/ws/out/checkpoint-${step}/trainer_state.json`);
    expect(answer(run(list, { logFiles })).deletable).toEqual(["checkpoint-10"]);
  });

  it("is found in a real layout, by what the trainer says is best", async () => {
    const { runs } = await search({
      ...peftCheckpoint("/ws/out/checkpoint-40", { step: 40 }),
      ...peftCheckpoint("/ws/out/checkpoint-80", { step: 80 }),
      ...peftCheckpoint("/ws/out/checkpoint-120", { step: 120, best: "/elsewhere/checkpoint-80" }),
    });
    expect(answer(only(runs))).toMatchObject({
      deletable: ["checkpoint-40"],
      kept: { "checkpoint-80": "the best", "checkpoint-120": "the last" },
    });
  });
});

describe("what goes with a checkpoint", () => {
  it("is its own folder whole", () => {
    expect(removalsOf(checkpoint(10))).toEqual([{ path: "/ws/out/checkpoint-10", kind: "folder" }]);
  });

  it("is nothing of a folder that is not called like a checkpoint", () => {
    expect(removalsOf(checkpoint(10, { path: "/ws/out" }))).toEqual([]);
  });

  it("is just the model's files where others lie beside them", async () => {
    const { runs } = await search({
      "/ws/repo/model.safetensors": weights,
      "/ws/repo/config.json": "{}",
      "/ws/repo/README.md": "x",
      "/ws/repo/train.py": "x",
      "/ws/repo/metrics.csv": "step,loss\n1,2\n",
      "/ws/repo/trainer_state.json": "{}",
    });
    const [model] = only(runs).checkpoints;
    expect(model?.ownsFolder).toBe(false);
    expect(model === undefined ? [] : removalsOf(model).map(({ path }) => path)).toEqual([
      "/ws/repo/config.json",
      "/ws/repo/model.safetensors",
    ]);
  });

  it("is each shard of a single-file checkpoint", async () => {
    const { runs } = await search({
      "/ws/loras/style-000001.safetensors": weights,
      "/ws/loras/style-000002.safetensors": weights,
    });
    expect(only(runs).checkpoints.map((one) => removalsOf(one))).toEqual([
      [{ path: "/ws/loras/style-000001.safetensors", kind: "file" }],
      [{ path: "/ws/loras/style-000002.safetensors", kind: "file" }],
    ]);
  });

  it("names folders that no trainer writes", () => {
    const entries = ["global_step10", "my notes"].map((name) => ({ name, kind: "directory" as const }));
    expect(unrecognisedNames(entries)).toEqual(["my notes"]);
  });
});
