import { describe, expect, it } from "vitest";
import { ChartedRun, type ChartSource } from "../../../../src/core/runs/merge/chartedRun";
import { LogStore } from "../../../../src/core/runs/merge/logStore";
import { wireSize } from "../../../support/browser/vscodeMessage";
import { MemoryFiles } from "../../../support/memoryFiles";
import { peftCheckpoint, trainerState } from "../discover/trainerFiles";
import { eventFile, scalarEvent } from "../logs/eventFile";
import { events, nextTime, tensorboard, trainerEvents, write } from "./followedRun";

const follow = (files: MemoryFiles, run: Partial<ChartSource>) =>
  ChartedRun.follow(new LogStore(files), { path: "/ws/out", checkpoints: [], ...run }, { nowMs: nextTime });
const whole = { from: Number.NEGATIVE_INFINITY, to: Number.POSITIVE_INFINITY };

describe("ChartedRun", () => {
  it("says at once what there is to chart, and gives points only when asked", async () => {
    const files = new MemoryFiles();
    write(files, events(), eventFile(...trainerEvents(10, 200)));
    const run = await follow(files, { logs: [tensorboard()] });
    const head = run.head();
    expect(head).toMatchObject({
      metrics: [{ key: "loss", count: 20, firstStep: 10, lastStep: 200 }],
      omittedMetrics: 0,
      axes: ["step", "epoch", "wallTime", "relativeTime"],
      originSeconds: 1_700_000_001,
      progress: { step: 200, usualPauseSeconds: 1 },
    });
    const [sampled, missing] = run.sample([
      { key: "loss", axis: "relativeTime", slices: 100, ...whole },
      { key: "other", axis: "step", slices: 100, ...whole },
    ]);
    expect([...(sampled?.envelope.x ?? [])]).toEqual(Array.from({ length: 20 }, (_, index) => index));
    expect(missing).toBeUndefined();
  });

  it("tells what is new, and nothing where nothing is", async () => {
    const files = new MemoryFiles();
    write(files, events(), eventFile(...trainerEvents(10, 200)));
    const run = await follow(files, { logs: [tensorboard()] });
    expect((await run.poll()).head).toBeUndefined();
    const before = run.generation;
    write(
      files,
      events(),
      eventFile(...trainerEvents(10, 220), scalarEvent("train/new", 220, 1, 1_700_000_022)),
    );
    const { head } = await run.poll();
    expect(head?.metrics).toMatchObject([
      { key: "loss", count: 22, lastStep: 220 },
      { key: "new", count: 1 },
    ]);
    expect(run.generation).toBeGreaterThan(before);
  });

  it("places each checkpoint on every axis; the last whole one and the best are marked", async () => {
    const files = new MemoryFiles({
      ...peftCheckpoint("/ws/out/checkpoint-40", { step: 40 }),
      ...peftCheckpoint("/ws/out/checkpoint-80", { step: 80 }),
    });
    write(files, events(), eventFile(...trainerEvents(10, 120)));
    const checkpoints = [{ path: "/ws/out/checkpoint-80" }, { path: "/ws/out/checkpoint-40", name: "first" }];
    const run = await follow(files, { checkpoints, logs: [tensorboard()], best: "/ws/out/checkpoint-40" });
    expect(run.head().checkpoints).toMatchObject([
      { name: "first", step: 40, best: true, last: false, wallTime: 1_700_000_004, tokens: Number.NaN },
      { name: "checkpoint-80", step: 80, best: false, last: true, wallTime: 1_700_000_008 },
    ]);
    await run.poll();
    for (const [path, content] of Object.entries(peftCheckpoint("/ws/out/checkpoint-120", { step: 120 })))
      write(files, path, content as string);
    const { head } = await run.poll();
    expect(head?.checkpoints.map(({ step, last }) => [step, last])).toEqual([
      [40, false],
      [80, false],
      [120, true],
    ]);
    const known = [...checkpoints, { path: "/ws/out/checkpoint-120", incomplete: true }];
    const { head: told } = await run.poll({
      path: "/ws/out",
      checkpoints: known,
      best: "/ws/out/checkpoint-80",
    });
    expect(told?.checkpoints.map(({ best, last, incomplete }) => [best, last, incomplete])).toEqual([
      [false, false, false],
      [true, true, false],
      [false, false, true],
    ]);
  });

  it("places by its epoch what has none but an optimizer's count of steps", async () => {
    const path = "/ws/out/log.csv";
    const files = new MemoryFiles({ [path]: "epoch,loss\n1,0.5\n2,0.25\n" });
    const checkpoints = [
      { path: "/ws/out/a.pt", step: 700, stepIsOptimizers: true as const, epoch: 2 },
      { path: "/ws/out/last.pt" },
    ];
    const run = await follow(files, { checkpoints, logs: [{ path, format: "csv" }] });
    expect(run.head()).toMatchObject({ checkpoints: [{ step: 2, epoch: 2 }], unplaced: 1 });
  });

  it("takes no news from being told the same again", async () => {
    const files = new MemoryFiles({
      ...peftCheckpoint("/ws/out/checkpoint-40", { step: 40 }),
      "/ws/out/trainer_state.json": trainerState({ step: 40, maxSteps: 100 }),
    });
    const source = {
      path: "/ws/out",
      checkpoints: [{ path: "/ws/out/checkpoint-40" }],
      logFiles: ["/ws/out/trainer_state.json"],
    };
    const run = await follow(files, source);
    expect((await run.poll(source)).head).toBeUndefined();
  });

  it("puts a metric of a million points into a message of a few tens of kilobytes, spike and all", async () => {
    const points = 1_000_000;
    const rows = Array.from({ length: points }, (_, step) => `${step},${step === 654_321 ? 99 : step % 7}`);
    const files = new MemoryFiles({ "/ws/out/metrics.csv": `step,loss\n${rows.join("\n")}\n` });
    const run = await follow(files, { logs: [{ path: "/ws/out/metrics.csv", format: "lightning-csv" }] });
    expect(run.head().metrics).toMatchObject([{ count: points, highest: { step: 654_321, value: 99 } }]);
    const smoothing = { kind: "average", weight: 0.9 } as const;
    for (const range of [whole, { from: 1000, to: 900_000 }, { from: 654_000, to: 655_000 }]) {
      const sampled = run.sample([{ key: "loss", axis: "step", slices: 800, smoothing, ...range }]);
      expect(Math.max(...(sampled[0]?.envelope.max ?? []))).toBe(99);
      expect(wireSize(sampled)).toBeLessThan(100_000);
    }
  });
});
