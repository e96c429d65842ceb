import { describe, expect, it } from "vitest";
import { LogStore } from "../../../../src/core/runs/merge/logStore";
import type { Run } from "../../../../src/core/runs/run";
import { loggedRun } from "../../../../src/core/runs/status/loggedRun";
import { liveLogs, withStatus } from "../../../../src/core/runs/status/runStatus";
import { RunStatusReader } from "../../../../src/core/runs/status/runStatusReader";
import { MemoryFiles } from "../../../support/memoryFiles";
import { only, search } from "../discover/searchMemory";
import { peftCheckpoint, weights } from "../discover/trainerFiles";
import { eventFile, scalarEvent } from "../logs/eventFile";
import { events, trainerEvents } from "../merge/followedRun";

const minuteMs = 60_000;

/** Lightning's layout: single files, and a table whose cells are mostly empty. */
function lightning(rows: string): MemoryFiles {
  return new MemoryFiles({
    "/ws/out/version_0/checkpoints/epoch=0-step=10.ckpt": weights,
    "/ws/out/version_0/checkpoints/epoch=1-step=20.ckpt": weights,
    "/ws/out/version_0/metrics.csv": rows,
    "/ws/out/version_0/hparams.yaml": "lr: 0.1\n",
  });
}

const table =
  "epoch,step,train_loss_step,val_loss,acc\n0,5,3.5,,\n0,10,3,,\n0,10,,2.5,0.5\n1,15,2,,\n1,20,1,,\n1,20,,4,0.75\n";

async function onlyRun(files: MemoryFiles): Promise<Run> {
  return only((await search(files)).runs);
}

async function status(files: MemoryFiles, run: Run, metrics: readonly string[] = []) {
  const news = await new RunStatusReader(new LogStore(files)).read(loggedRun(run), metrics);
  if (news === undefined) throw new Error("The run has no log.");
  return news.status;
}

describe("what the logs say of checkpoints without a trainer_state.json", () => {
  it("is the last value at or before each step, whatever the losses are called", async () => {
    const files = lightning(table);
    const run = await onlyRun(files);
    const { values, progress } = await status(files, run, ["eval_loss", "acc", "train_loss_step", "none"]);
    expect(values.map((pairs) => Object.fromEntries(pairs))).toEqual([
      { loss: 3, eval_loss: 2.5, acc: 0.5, train_loss_step: 3 },
      { loss: 1, eval_loss: 4, acc: 0.75, train_loss_step: 1 },
    ]);
    expect(progress).toMatchObject({ step: 20, lastLoss: 1, lastEvalLoss: 4 });
  });

  it("fills the checkpoints in and tells the best by the evaluation loss", async () => {
    const files = lightning(table);
    const run = await onlyRun(files);
    const filled = withStatus(run, await status(files, run, ["acc"]));
    expect(filled.checkpoints).toMatchObject([
      { loss: 3, evalLoss: 2.5, best: true, metrics: [["acc", 0.5]] },
      { loss: 1, evalLoss: 4, best: false, metrics: [["acc", 0.75]] },
    ]);
    expect(filled.best).toBe("/ws/out/version_0/checkpoints/epoch=0-step=10.ckpt");
    expect(filled.bestReason).toContain("lowest evaluation loss");
  });

  it("never contradicts a checkpoint's own file", async () => {
    const files = new MemoryFiles({
      ...peftCheckpoint("/ws/out/checkpoint-40", { step: 40 }),
      [events()]: eventFile(...trainerEvents(10, 90, { seed: 1 })),
    });
    const run = await onlyRun(files);
    const [before] = run.checkpoints;
    const filled = withStatus(run, await status(files, run, ["grad_norm"]));
    expect(filled.checkpoints[0]).toMatchObject({ loss: before?.loss, evalLoss: before?.evalLoss });
    expect(filled.best).toBe(run.best);
    // The event file knows what came since the checkpoint.
    expect(filled.progress).toMatchObject({ step: 90, maxSteps: 1000 });
  });

  it("keeps NaN as NaN", async () => {
    const files = new MemoryFiles({
      "/ws/out/model-step10.pt": weights,
      "/ws/out/model-step20.pt": weights,
      "/ws/out/events.out.tfevents.1.host": eventFile(
        scalarEvent("loss", 10, 1),
        scalarEvent("loss", 20, Number.NaN),
      ),
    });
    const run = await onlyRun(files);
    const { checkpoints } = withStatus(run, await status(files, run));
    expect(checkpoints.map(({ loss }) => loss)).toEqual([1, Number.NaN]);
  });

  it("is nothing where only trainer_state.json is there", async () => {
    const files = new MemoryFiles(peftCheckpoint("/ws/out/checkpoint-40", { step: 40 }));
    const run = await onlyRun(files);
    expect(liveLogs(run)).toEqual([]);
    expect(await new RunStatusReader(new LogStore(files)).read(loggedRun(run), [])).toBeUndefined();
  });

  it("is not read by the way from logs of gigabytes", async () => {
    const files = new MemoryFiles({ [events()]: { bulk: 300_000_000 } });
    const run = await onlyRun(files);
    expect(await new RunStatusReader(new LogStore(files)).read(loggedRun(run), [])).toBeUndefined();
  });
});

describe("looking again", () => {
  it("opens nothing where nothing changed, and follows a change of the metrics or the checkpoints", async () => {
    const files = lightning(table);
    const run = loggedRun(await onlyRun(files));
    const reader = new RunStatusReader(new LogStore(files));
    const first = await reader.read(run, []);
    files.counts.open = 0;
    expect(await reader.read(run, [])).toEqual(first);
    expect(files.counts.open).toBe(0);
    expect((await reader.read(run, ["acc"]))?.status.values[0]).toContainEqual(["acc", 0.5]);
    const more = { ...run, checkpoints: [...run.checkpoints, { path: "/x", step: 5 }] };
    expect((await reader.read(more, []))?.status.values[2]).toEqual([["loss", 3.5]]);
    reader.retain(new Set());
    files.counts.open = 0;
    await reader.read(run, []);
    // The run is forgotten, its logs are not: whoever reads them next has them.
    expect(files.counts.open).toBe(0);
  });

  it("reads on from the end while it is written, and tells of a new checkpoint", async () => {
    let clockMs = 1_700_000_000_000;
    const files = new MemoryFiles(peftCheckpoint("/ws/out/checkpoint-40", { step: 40 }));
    const grow = (to: number) => {
      clockMs += 1000;
      files.write(events(), eventFile(...trainerEvents(10, to)), clockMs);
    };
    grow(5000);
    const run = loggedRun(await onlyRun(files));
    const reader = new RunStatusReader(new LogStore(files), () => clockMs);
    expect((await reader.read(run, []))?.status.progress).toMatchObject({ step: 5000 });
    files.counts.bytesRead = 0;
    grow(5010);
    expect((await reader.read(run, []))?.status.progress).toMatchObject({ step: 5010 });
    // The head and two records of some fifty bytes, and not five hundred of them.
    expect(files.counts.bytesRead).toBeLessThan(2000);
    files.write("/ws/out/checkpoint-80/adapter_model.safetensors", weights, clockMs);
    expect(await reader.read(run, [])).toMatchObject({ checkpointsChanged: true });
    expect(await reader.read(run, [])).toMatchObject({ checkpointsChanged: false });
    // Ten minutes later nobody follows it: what was read is kept a while, whoever reads on.
    clockMs += 11 * minuteMs;
    await reader.read(run, []);
    files.counts.bytesRead = 0;
    clockMs += 1000;
    files.write(events(), eventFile(...trainerEvents(10, 5020)), clockMs);
    expect((await reader.read(run, []))?.status.progress).toMatchObject({ step: 5020 });
    expect(files.counts.bytesRead).toBeLessThan(2000);
  });
});

describe("metrics that a search is asked for", () => {
  it("are the last logged at or before the step of each checkpoint", async () => {
    const log = [
      { step: 10, loss: 2, "rewards/chosen": 0.25 },
      { step: 20, loss: 1, "rewards/chosen": 0.5 },
      { step: 30, loss: 1, "rewards/chosen": Number.NaN },
    ];
    const state = { maxSteps: 100, log: log.map((row) => ({ epoch: row.step / 100, ...row })) };
    const files = {
      ...peftCheckpoint("/ws/out/checkpoint-20", { ...state, step: 20, log: state.log.slice(0, 2) }),
      // Written by another step of the training, without a log of its own.
      "/ws/out/checkpoint-10/adapter_model.safetensors": weights,
      "/ws/out/checkpoint-10/adapter_config.json": JSON.stringify({
        peft_type: "LORA",
        r: 8,
        lora_alpha: 16,
        target_modules: ["c_attn"],
      }),
    };
    const metrics = ["rewards/chosen", "missing"];
    const { checkpoints } = only((await search(files, { metrics })).runs);
    expect(checkpoints.map((one) => [one.name, one.metrics])).toEqual([
      ["checkpoint-10", [["rewards/chosen", 0.25]]],
      ["checkpoint-20", [["rewards/chosen", 0.5]]],
    ]);
    const plain = only((await search(files)).runs);
    expect(plain.checkpoints.every((one) => one.metrics === undefined)).toBe(true);
  });
});
