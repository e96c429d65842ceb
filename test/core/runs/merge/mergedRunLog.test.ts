import { describe, expect, it } from "vitest";
import { discoverRuns } from "../../../../src/core/runs/discover/discover";
import { MemoryFiles } from "../../../support/memoryFiles";
import { peftCheckpoint, trainerState, trainingLog } from "../discover/trainerFiles";
import { mergedRunLog } from "./readLogs";

const files = () =>
  new MemoryFiles({
    ...peftCheckpoint("/ws/out/checkpoint-40", { step: 40 }),
    ...peftCheckpoint("/ws/out/checkpoint-80", { step: 80 }),
    ...peftCheckpoint("/ws/out/checkpoint-120", { step: 120 }),
  });

async function runOf(memory: MemoryFiles) {
  const options = { exclude: () => false, maxDepth: 5, maxFolders: 100 };
  const { runs } = await discoverRuns(memory, [{ path: "/ws", name: "ws" }], options);
  const run = runs[0];
  if (run === undefined) throw new Error("No run");
  return run;
}

describe("mergedRunLog", () => {
  it("merges the logs of a run without doubling, with a marker for each checkpoint", async () => {
    const memory = files();
    const run = await runOf(memory);
    memory.opened.length = 0;
    const view = await mergedRunLog(memory, { ...run, current: "/ws/out/checkpoint-80" });
    expect(memory.opened).toEqual(["/ws/out/checkpoint-120/trainer_state.json"]);
    const [loss, evalLoss] = view.series;
    expect(loss?.key).toBe("loss");
    expect([...(loss?.steps ?? [])]).toEqual(Array.from({ length: 12 }, (_, index) => (index + 1) * 10));
    expect([...(evalLoss?.steps ?? [])]).toEqual([40, 80, 120]);
    expect(view.checkpoints).toEqual([
      {
        path: "/ws/out/checkpoint-40",
        name: "checkpoint-40",
        step: 40,
        epoch: 0.4,
        best: false,
        current: false,
      },
      {
        path: "/ws/out/checkpoint-80",
        name: "checkpoint-80",
        step: 80,
        epoch: 0.8,
        best: false,
        current: true,
      },
      {
        path: "/ws/out/checkpoint-120",
        name: "checkpoint-120",
        step: 120,
        epoch: 1.2,
        best: true,
        current: false,
      },
    ]);
    expect(view).toMatchObject({ maxSteps: 1000, summary: [], problems: [] });
  });

  it("is the same from the paths of the checkpoints alone", async () => {
    const memory = files();
    const run = await runOf(memory);
    const paths = run.checkpoints.map(({ path }) => ({ path }));
    expect(await mergedRunLog(memory, { checkpoints: paths, best: run.best })).toEqual(
      await mergedRunLog(memory, run),
    );
  });

  it("takes the other logs when the newest checkpoint was deleted meanwhile", async () => {
    const memory = files();
    const run = await runOf(memory);
    memory.remove("/ws/out/checkpoint-120");
    const view = await mergedRunLog(memory, run);
    expect(view.series[0]?.steps.at(-1)).toBe(80);
    expect(view.problems).toMatchObject([{ code: "FileUnreadable" }]);
  });

  it("takes the summary from the output folder, and draws no point of it", async () => {
    const memory = files();
    const log = [
      ...trainingLog(120),
      { step: 120, epoch: 1.2, train_runtime: 60, train_loss: 1, total_flos: 9 },
    ];
    memory.write("/ws/out/trainer_state.json", trainerState({ step: 120, log }));
    const view = await mergedRunLog(memory, await runOf(memory));
    expect(view.summary).toEqual([
      ["train_runtime", 60],
      ["train_loss", 1],
      ["total_flos", 9],
    ]);
    expect(view.series.map(({ key }) => key)).not.toContain("train_loss");
  });

  it("keeps the values of the newest checkpoint after a training was resumed", async () => {
    const resumed = [
      ...trainingLog(100),
      ...trainingLog(160, { seed: 7 }).filter(({ step = 0 }) => step > 100),
    ];
    const memory = new MemoryFiles({
      ...peftCheckpoint("/ws/out/checkpoint-140", { step: 140 }),
      ...peftCheckpoint("/ws/out/checkpoint-160", { step: 160, log: resumed }),
    });
    const { series } = await mergedRunLog(memory, await runOf(memory));
    const loss = series[0];
    expect(loss?.steps).toHaveLength(16);
    expect(loss?.values[9]).toBeCloseTo(5 / Math.sqrt(100) + 0.001, 12);
    expect(loss?.values[10]).toBeCloseTo(5 / Math.sqrt(110) + 0.007, 12);
  });

  it("is empty without a log, and stops when aborted", async () => {
    const memory = new MemoryFiles({ "/ws/a/model.safetensors": "" });
    const view = await mergedRunLog(memory, { checkpoints: [{ path: "/ws/a/model.safetensors" }] });
    expect(view).toEqual({ series: [], checkpoints: [], summary: [], maxSteps: undefined, problems: [] });
    const aborted = AbortSignal.abort(new Error("closed"));
    await expect(
      mergedRunLog(files(), { checkpoints: [{ path: "/ws/out/checkpoint-40" }] }, aborted),
    ).rejects.toThrow("closed");
  });
});
