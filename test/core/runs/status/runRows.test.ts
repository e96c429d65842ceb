import { describe, expect, it } from "vitest";
import type { Problem } from "../../../../src/core/problem/problem";
import { runText } from "../../../../src/core/report/runsText";
import {
  checkpointDetails,
  checkpointRow,
  rowNames,
  runDetails,
  runRow,
} from "../../../../src/core/runs/status/runRows";
import { newestTraining, statusBarText } from "../../../../src/core/runs/status/statusBarText";
import type { StageLabel } from "../../../../src/core/stage/stage";
import { checkpoint, minuteMs, nowMs, run } from "../merge/runSamples";

const losses = ["loss", "eval_loss"];
const warning: Problem = { severity: "warning", code: "X", message: "Something is wrong." };
const live = { ended: false, lastWrittenMs: nowMs - 1000 };

describe("a run's row", () => {
  const saved = [
    checkpoint(60, { loss: 2, evalLoss: 1.75, best: true, byteSize: 600 }),
    checkpoint(120, { loss: 1.5, evalLoss: 1.8, last: true, byteSize: 900 }),
  ];

  it("says steps done of those planned, the best, how many and how large", () => {
    expect(runRow(run(saved, { maxSteps: 1200 }), nowMs)).toEqual({
      description: "step 120 of 1,200 · ★ eval 1.750 at step 60 · 2 checkpoints · 1.50 kB",
      state: "plain",
    });
  });

  it("says the last loss and the time left while the training writes", () => {
    const progress = { ...live, step: 130, maxSteps: 1200, lastLoss: 1.25, secondsLeft: 4000 };
    expect(runRow(run(saved, { progress, maxSteps: 1000 }), nowMs)).toEqual({
      description:
        "step 130 of 1,200 · loss 1.250 · 1 h 7 min left · ★ eval 1.750 at step 60 · 2 checkpoints · 1.50 kB",
      state: "live",
    });
  });

  it("is of use where there is only a log", () => {
    const logs = [{ path: "/ws/out/metrics.csv", format: "lightning-csv" }] as const;
    const progress = { ended: false, step: 500, lastLoss: 0.5, lastWrittenMs: 1 };
    expect(runRow(run([], { logs, progress }), nowMs).description).toBe(
      "log only · step 500 · loss 0.5000 · 1 log file",
    );
    expect(runRow(run([], { logs }), nowMs).description).toBe("log only · 1 log file");
  });

  it("leaves out a plan that was overtaken, and names a best one without an evaluation by its step", () => {
    const list = [checkpoint(60, { best: true }), checkpoint(120)];
    expect(runRow(run(list, { maxSteps: 100 }), nowMs).description).toMatch(/^step 120 · ★ step 60 · /);
  });

  it("says its problems in words and in the icon, and not that there is nothing wrong", () => {
    const { description, state } = runRow(run(saved, { problems: [warning] }), nowMs);
    expect(description).toMatch(/^1 problem · /);
    expect(state).toBe("warning");
    const info = { ...warning, severity: "info" } as const;
    expect(runRow(run(saved, { problems: [info] }), nowMs).state).toBe("plain");
  });

  it("tells of broken checkpoints while it is folded", () => {
    const broken = { problems: [{ ...warning, severity: "error" } as const] };
    const list = [checkpoint(60), checkpoint(120, broken), checkpoint(180, broken)];
    const { description, state } = runRow(run(list), nowMs);
    expect(description).toMatch(/^2 checkpoints with errors · step 180 · /);
    expect(state).toBe("warning");
    expect(runRow(run([checkpoint(60, { problems: [warning] })]), nowMs).state).toBe("plain");
  });

  it("has a tooltip with speed, age, what could go and every problem", () => {
    const progress = { ...live, step: 130, stepsPerSecond: 0.5, lastEvalLoss: 2 };
    const list = [checkpoint(30, { byteSize: 700 }), ...saved];
    const of = run(list, { progress, bestReason: "Because.", problems: [warning] });
    const lines = runDetails(of, nowMs);
    expect(lines).toContain("2 seconds per step");
    expect(lines).toContain("Last written to 1 s ago");
    expect(lines).toContain("Best: checkpoint-60. Because.");
    expect(lines).toContain("1 checkpoint could be deleted, 700 bytes: neither best, last nor a stage");
    expect(lines).toContain("Something is wrong.");
  });
});

describe("a checkpoint's row", () => {
  const one = checkpoint(60, {
    loss: 2,
    evalLoss: 1.75,
    metrics: [["rewards/chosen", Number.NaN]],
    best: true,
    byteSize: 600,
  });
  const of = run([one, checkpoint(120)]);

  it("shows the metrics that were asked for, in their order", () => {
    expect(checkpointRow(of, one, losses, nowMs)).toEqual({
      description: "★ best · loss 2 · eval 1.750 · 600 bytes",
      state: "best",
    });
    expect(checkpointRow(of, one, ["rewards/chosen", "loss", "none"], nowMs).description).toBe(
      "★ best · rewards/chosen NaN · loss 2 · 600 bytes",
    );
    expect(checkpointRow(of, one, [], nowMs).description).toBe("★ best · 600 bytes");
  });

  it("says the step where the name does not, the stage, and which is the last", () => {
    const stage = { stage: "svd", inferred: true } as StageLabel;
    const named = checkpoint(60, { name: "epoch=0-step=60.ckpt", step: 61, last: true, stage });
    expect(checkpointRow(of, named, losses, nowMs).description).toBe(
      "step 61 · svd (inferred) · last · 1.00 kB",
    );
  });

  it("says the epoch, and not what one of the optimizers counted", () => {
    const pair = checkpoint(40, { name: "gan.pth", stepIsOptimizers: true, epoch: 4, last: true });
    expect(checkpointRow(of, pair, losses, nowMs).description).toBe("epoch 4 · last · 1.00 kB");
    expect(checkpointDetails(of, pair, nowMs)).toContain("Optimizer step 40, epoch 4");
    expect(runRow(run([pair]), nowMs).description).toBe("epoch 4 · 1 checkpoint · 1.00 kB");
    expect(runText(run([pair]))).toMatch(/\nepoch 4\n\n.*\ngan\.pth {5}epoch 4 /);
    const { epoch: _, ...counted } = pair;
    expect(checkpointRow(of, counted, losses, nowMs).description).toBe("step 40 · last · 1.00 kB");
  });

  it("is being saved while it is incomplete and young, and nothing is wrong with it then", () => {
    const saving = checkpoint(60, { incomplete: true, modifiedMs: nowMs - 1000, problems: [warning] });
    expect(checkpointRow(of, saving, losses, nowMs)).toEqual({
      description: "being saved · 1.00 kB so far",
      state: "saving",
    });
    expect(checkpointDetails(of, saving, nowMs)).not.toContain("Something is wrong.");
    const later = nowMs + 5 * minuteMs;
    expect(checkpointRow(of, saving, losses, later)).toEqual({
      description: "1 problem · incomplete · 1.00 kB",
      state: "warning",
    });
    expect(checkpointDetails(of, saving, later)).toContain("Something is wrong.");
  });

  it("is named as short as is unique", () => {
    const list = ["a/checkpoint-1", "b/checkpoint-1", "b/checkpoint-2"].map((name) =>
      checkpoint(1, { name }),
    );
    expect([...rowNames(run(list)).values()]).toEqual(["a/checkpoint-1", "b/checkpoint-1", "checkpoint-2"]);
  });
});

describe("the status bar", () => {
  const progress = { ...live, step: 1240, maxSteps: 5000, lastLoss: 1.25, secondsLeft: 750 };

  it("says steps, loss and time left", () => {
    expect(statusBarText(run([], { progress }), true)).toEqual({
      text: "$(pulse) out 1,240/5,000 · loss 1.250 · 13 min left",
      label: "Training run out: 1,240 of 5,000, loss 1.250, 13 min left",
    });
  });

  it("says no time left of what has ended, and nothing of what says nothing", () => {
    const ended = { ...progress, ended: true };
    expect(statusBarText(run([], { progress: ended }), false)?.text).toBe(
      "$(graph-line) out 1,240/5,000 · loss 1.250 · ended",
    );
    expect(statusBarText(run([]), false)).toBeUndefined();
  });

  it("shows a hostile name as text, and cuts a long one", () => {
    const text = statusBarText(run([], { name: `$(bug)${"x".repeat(100)}`, progress }), true)?.text ?? "";
    expect(text).not.toContain("$(bug)");
    expect(text.length).toBeLessThan(100);
  });

  it("is of the run that was written to last", () => {
    const at = (name: string, lastWrittenMs: number, ended = false) =>
      run([], { name, progress: { ended, lastWrittenMs } });
    const runs = [at("a", nowMs - 5000), at("b", nowMs - 1000), at("c", nowMs, true)];
    expect(newestTraining(runs, nowMs)?.name).toBe("b");
    expect(newestTraining(runs, nowMs + 60 * minuteMs)).toBeUndefined();
  });
});
