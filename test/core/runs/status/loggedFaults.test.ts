import { describe, expect, it } from "vitest";
import { LogStore } from "../../../../src/core/runs/merge/logStore";
import { RunLogFollower } from "../../../../src/core/runs/merge/runLogFollower";
import { runStatusOf, withStatus } from "../../../../src/core/runs/status/runStatus";
import { MemoryFiles } from "../../../support/memoryFiles";
import { codes, only, search } from "../discover/searchMemory";
import { weights } from "../discover/trainerFiles";
import { eventFile, scalarEvent } from "../logs/eventFile";

type Row = Readonly<Record<string, number>>;

const steps = Array.from({ length: 20 }, (_, at) => (at + 1) * 10);

/** Three ways to log the same numbers. */
const writers: Readonly<Record<string, (rows: readonly Row[]) => Record<string, string | Uint8Array>>> = {
  "metrics.csv": (rows) => {
    const names = Object.keys(rows[0] ?? {});
    const lines = rows.map((row) => names.map((name) => row[name]).join(","));
    return { "metrics.csv": `${[names.join(","), ...lines].join("\n")}\n` };
  },
  "metrics.jsonl": (rows) => ({
    "metrics.jsonl": rows
      .map((row) => `${JSON.stringify(row, (_, value) => (Number.isNaN(value) ? "NaN" : value))}\n`)
      .join(""),
  }),
  "event file": (rows) => ({
    "events.out.tfevents.1.host": eventFile(
      ...rows.flatMap(({ step = 0, ...values }) =>
        Object.entries(values).map(([tag, value]) => scalarEvent(tag, step, value)),
      ),
    ),
  }),
};

async function runOf(logs: Record<string, string | Uint8Array>) {
  const at = Object.fromEntries(Object.entries(logs).map(([name, content]) => [`/ws/run/${name}`, content]));
  const files = new MemoryFiles({
    ...at,
    "/ws/run/step=50.ckpt": weights,
    "/ws/run/step=200.ckpt": weights,
  });
  const run = only((await search(files)).runs);
  const follower = new RunLogFollower(new LogStore(files), run);
  await follower.poll();
  return withStatus(run, runStatusOf(follower, run.checkpoints, []));
}

it("tells a detector's losses that are NaN by their epochs", async () => {
  const rows = (from: number) =>
    ["epoch,train/box_loss,train/cls_loss,val/box_loss"]
      .concat([1, 2, 3, 4, 5, 6].map((epoch) => `${epoch},${epoch < from ? 1.5 : "nan"},2.5,1.25`))
      .join("\n");
  const found = async (from: number) => (await runOf({ "results.csv": `${rows(from)}\n` })).problems;
  const [fault] = (await found(4)).filter(({ code }) => code === "Collapsed");
  expect(fault?.message).toMatch(/from epoch 4 to the end of its log train\/box_loss is NaN/);
  expect(codes(await found(7))).not.toContain("Collapsed");
});

describe.each(Object.keys(writers))("in a %s", (name) => {
  const read = (row: (step: number) => Row) => {
    const rows = steps.map((step) => ({ step, ...row(step) }));
    return runOf((writers[name] as (rows: readonly Row[]) => Record<string, string | Uint8Array>)(rows));
  };

  it.each([
    ["Collapsed", (step: number) => ({ loss: step > 100 ? Number.NaN : 2 - step / 200 })],
    ["Diverged", (step: number) => ({ loss: step > 100 ? 7.5 : 2.01 - step / 100 })],
    ["NoLearningRate", (step: number) => ({ loss: 2, learning_rate: step > 100 ? 0 : 1.234567e-5 })],
    ["NoLearningRate", (step: number) => ({ loss: 2, learning_rate: step > 100 ? 0 : 2e-4 })],
    [
      "GradientsNotFinite",
      (step: number) => ({ loss: 2, grad_norm: step > 100 ? Number.POSITIVE_INFINITY : 1.5 }),
    ],
  ])("tells %s, in the run and at the checkpoint behind it", async (code, row) => {
    if (name === "metrics.jsonl" && code === "GradientsNotFinite") return;
    const run = await read(row);
    expect(codes(run.problems)).toContain(code);
    expect(run.checkpoints.map(({ problems }) => codes(problems).includes(code))).toEqual([false, true]);
  });

  it.each([
    ["a loss that falls", (step: number) => ({ loss: 2 / step + 0.001, learning_rate: 1e-4, grad_norm: 1 })],
    ["a rate that was printed as 0", () => ({ loss: 1.5, learning_rate: 0 })],
    [
      "a loss that is weighed against a reward",
      (step: number) => ({ loss: step > 100 ? 9.5 : 2 - step / 100, mean_reward: step }),
    ],
  ])("tells nothing of %s", async (_, row) => {
    expect((await read(row)).problems).toEqual([]);
  });
});
