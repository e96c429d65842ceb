import { describe, expect, it } from "vitest";
import type { WeightsProbe } from "../../../../src/core/checkpoint/probeWeights";
import { isBeingSaved, isLive, isTraining, nextChangeMs } from "../../../../src/core/runs/status/liveness";
import { checkpoint, minuteMs, nowMs, run } from "../merge/runSamples";
import { type Contents, codes, only, search } from "./searchMemory";
import { peftCheckpoint, trainerState, weights } from "./trainerFiles";

/** The files of a checkpoint without some of them, as when the save was interrupted. */
function without(files: Contents, ...names: string[]): Contents {
  return Object.fromEntries(
    Object.entries(files).filter(([path]) => !names.some((one) => path.endsWith(one))),
  );
}

const whole = {
  ...peftCheckpoint("/ws/out/checkpoint-40", { step: 40 }),
  ...peftCheckpoint("/ws/out/checkpoint-80", { step: 80 }),
};

describe("a save that was interrupted", () => {
  it("lacks what the trainer writes later and every other checkpoint has", async () => {
    const newest = peftCheckpoint("/ws/out/checkpoint-120", { step: 120 });
    const cut = without(newest, "optimizer.pt", "scheduler.pt", "rng_state.pth", "trainer_state.json");
    const { checkpoints } = only((await search({ ...whole, ...cut })).runs);
    const [, second, third] = checkpoints;
    expect(third).toMatchObject({ name: "checkpoint-120", incomplete: true, last: false });
    expect(codes(third?.problems ?? [])).toEqual(["UnfinishedSave"]);
    expect(third?.problems[0]?.message).toContain("optimizer state");
    // To resume from is the one before.
    expect(second).toMatchObject({ incomplete: false, last: true });
  });

  it("is none where older ones lack it, where all do, or where there is nothing to compare with", async () => {
    const older = { ...without(peftCheckpoint("/ws/out/checkpoint-40", { step: 40 }), "optimizer.pt") };
    const newer = peftCheckpoint("/ws/out/checkpoint-80", { step: 80 });
    const modelOnly = without({ ...older, ...newer }, "optimizer.pt", "scheduler.pt", "rng_state.pth");
    for (const files of [{ ...older, ...newer }, modelOnly, older]) {
      const { checkpoints } = only((await search(files)).runs);
      expect(checkpoints.map(({ incomplete }) => incomplete)).not.toContain(true);
    }
  });

  it("shows in a log that ends early and in weights that are shorter than their header says", async () => {
    const path = "/ws/out/checkpoint-80/trainer_state.json";
    const cutLog = { ...whole, [path]: trainerState({ step: 80 }).slice(0, 300) };
    expect(only((await search(cutLog)).runs).checkpoints[1]).toMatchObject({ incomplete: true });
    const problem = { severity: "error", code: "MetadataIncompleteBuffer", message: "cut" } as const;
    const peek = async (file: string): Promise<WeightsProbe> => ({
      metadata: undefined,
      problems: file.includes("checkpoint-80") ? [problem] : [],
    });
    const { checkpoints } = only((await search(whole, { peek })).runs);
    expect(checkpoints.map(({ incomplete }) => incomplete)).toEqual([false, true]);
  });
});

describe("a moment ago", () => {
  const saving = checkpoint(10, { incomplete: true, modifiedMs: nowMs - minuteMs });

  it("something incomplete was being saved, and after two minutes it is not", () => {
    expect(isBeingSaved(saving, nowMs)).toBe(true);
    expect(isBeingSaved(saving, nowMs + minuteMs)).toBe(false);
    expect(isBeingSaved({ ...saving, incomplete: false }, nowMs)).toBe(false);
    // A clock that is a little ahead is no reason; one that is years ahead says nothing.
    expect(isBeingSaved({ ...saving, modifiedMs: nowMs + 5000 }, nowMs)).toBe(true);
    expect(isBeingSaved({ ...saving, modifiedMs: nowMs * 2 }, nowMs)).toBe(false);
  });

  it("a training wrote: it is live for ten minutes unless its log says that it has ended", () => {
    const written = (ms: number, ended = false) =>
      run([checkpoint(10)], { progress: { ended, lastWrittenMs: ms } });
    expect(isLive(written(nowMs - 9 * minuteMs), nowMs)).toBe(true);
    expect(isLive(written(nowMs - 11 * minuteMs), nowMs)).toBe(false);
    expect(isLive(written(nowMs, true), nowMs)).toBe(false);
    expect(isLive(run([saving]), nowMs)).toBe(true);
  });

  /** `seconds` between two entries, as a rule. */
  const logged = (step: number, lastWrittenMs: number, seconds?: number) => {
    const progress = { ended: false, step, maxSteps: 100, lastWrittenMs };
    return run([], {
      progress: seconds === undefined ? progress : { ...progress, usualPauseSeconds: seconds },
    });
  };

  it("a training was under way if its plan is not done and its log is no longer silent than a chart allows", () => {
    expect(isTraining(logged(50, nowMs), nowMs)).toBe(true);
    expect(isTraining(logged(100, nowMs), nowMs)).toBe(false);
    expect(isTraining(logged(50, nowMs - 14 * minuteMs), nowMs)).toBe(true);
    expect(isTraining(logged(50, nowMs - 16 * minuteMs), nowMs)).toBe(false);
    expect(isTraining(logged(50, nowMs - 4 * minuteMs, 5), nowMs)).toBe(false);
    expect(isTraining(logged(50, nowMs - 16 * minuteMs, 300), nowMs)).toBe(true);
    expect(isTraining(logged(50, nowMs * 2), nowMs)).toBe(false);
    // Checkpoints alone may just have been copied.
    expect(isTraining(run([saving]), nowMs)).toBe(false);
  });

  it("tells when the next of them ends", () => {
    expect(nextChangeMs([run([saving])], nowMs)).toBe(nowMs + minuteMs);
    expect(nextChangeMs([run([{ ...saving, incomplete: false }])], nowMs)).toBe(nowMs + 9 * minuteMs);
    expect(nextChangeMs([run([checkpoint(10)])], nowMs)).toBeUndefined();
    expect(nextChangeMs([logged(50, nowMs, 5)], nowMs)).toBe(nowMs + 3 * minuteMs);
    expect(nextChangeMs([logged(50, nowMs - 14 * minuteMs)], nowMs)).toBe(nowMs + minuteMs);
  });
});

it("a distributed optimizer inside a checkpoint that never got its directory", async () => {
  const at = "/ws/run/checkpoint-10";
  const files = { [`${at}/model.safetensors`]: weights, [`${at}/optimizer_0/__0_0.distcp`]: weights };
  const { runs } = await search(files);
  expect(only(runs).checkpoints[0]).toMatchObject({
    incomplete: true,
    problems: [{ code: "MissingMetadata" }],
  });
  const whole = await search({ ...files, [`${at}/optimizer_0/.metadata`]: weights });
  expect(only(whole.runs).checkpoints[0]).toMatchObject({ incomplete: false, problems: [] });
});

it("SpeechBrain's saves are one run in the order of their times", async () => {
  const save = (time: string) => ({
    [`/ws/save/CKPT+2024-01-01+${time}+00/CKPT.yaml`]: "WER: 20.0\n",
    [`/ws/save/CKPT+2024-01-01+${time}+00/model.ckpt`]: weights,
    [`/ws/save/CKPT+2024-01-01+${time}+00/counter.ckpt`]: "2",
  });
  const { runs } = await search({ ...save("11-00-00"), ...save("09-30-00") });
  const { checkpoints } = only(runs);
  expect(checkpoints.map(({ name, last }) => [name.slice(16, 24), last])).toEqual([
    ["09-30-00", false],
    ["11-00-00", true],
  ]);
});
