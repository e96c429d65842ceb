import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { probeWeights } from "../../src/core/checkpoint/probeWeights";
import { discoverRuns } from "../../src/core/runs/discover/discover";
import { LogStore } from "../../src/core/runs/merge/logStore";
import { RunLogFollower } from "../../src/core/runs/merge/runLogFollower";
import type { Run } from "../../src/core/runs/run";
import { isBeingSaved } from "../../src/core/runs/status/liveness";
import { loggedRun } from "../../src/core/runs/status/loggedRun";
import { RunStatusReader } from "../../src/core/runs/status/runStatusReader";
import { nodeFiles } from "../../src/worker/nodeFiles";
import { type Trainer, TrainingProcess, whyNoTorch } from "../support/made/training/trainingProcess";

/** What we say of a real training, killed in the middle of a save and resumed, held against what it said itself. */

const plan = { steps: 120, logEvery: 5, saveEvery: 20, stepMs: 0 };
const noTorch = whyNoTorch();
if (noTorch !== undefined) console.log(noTorch);

let scratch: string;

beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), "training-"));
});

afterAll(() => rmSync(scratch, { recursive: true, force: true }));

async function onlyRun(root: string): Promise<Run> {
  const { runs } = await discoverRuns(nodeFiles, [{ path: root, name: "ws" }], {
    exclude: () => false,
    maxDepth: 8,
    maxFolders: 1000,
    peek: (path) => probeWeights(nodeFiles, path),
  });
  expect(runs).toHaveLength(1);
  return runs[0] as Run;
}

/** What the page would draw, by step. */
async function drawn(run: Run, key: string): Promise<[number, number][]> {
  const follower = new RunLogFollower(new LogStore(nodeFiles), run);
  await follower.poll();
  const series = follower.series(key);
  return [...(series?.steps ?? [])].map((step, at) => [step, series?.values[at] ?? Number.NaN]);
}

function inOrder(logged: ReadonlyMap<number, number>): [number, number][] {
  return [...logged].sort(([a], [b]) => a - b);
}

const trainers: readonly Trainer[] = noTorch === undefined ? ["node", "torch"] : ["node"];

describe.each(trainers)("a real training (%s)", (trainer) => {
  test("is read as it said, killed in a save and resumed, without doubled points", async () => {
    const root = join(scratch, trainer);
    const output = join(root, "results");
    const first = await TrainingProcess.start(trainer, { ...plan, output, holdInSave: 60 });
    await first.until(/^holding in the middle of/);
    const half = await onlyRun(root);
    const [, , third] = half.checkpoints;
    expect(half.checkpoints.map(({ name }) => name)).toEqual([
      "checkpoint-20",
      "checkpoint-40",
      "checkpoint-60",
    ]);
    expect(third).toMatchObject({ incomplete: true, last: false, best: false });
    expect(third === undefined ? false : isBeingSaved(third, Date.now())).toBe(true);
    await first.kill();
    const killed = await onlyRun(root);
    expect(killed.checkpoints[1]).toMatchObject({ incomplete: false, last: true });
    expect(killed.checkpoints[2]?.problems.map(({ code }) => code)).toContain("MetadataIncompleteBuffer");
    // The event file knows what came after the last whole checkpoint.
    const reader = new RunStatusReader(new LogStore(nodeFiles));
    expect((await reader.read(loggedRun(killed), []))?.status.progress).toMatchObject({
      step: 60,
      maxSteps: 120,
      lastLoss: first.logged.loss.get(60),
      ended: false,
    });
    expect(await drawn(killed, "loss")).toEqual(inOrder(first.logged.loss));

    const second = await TrainingProcess.start(trainer, { ...plan, output, resume: true });
    await second.until("done");
    expect(second.logged.loss.get(45)).not.toBe(first.logged.loss.get(45));
    const whole = await onlyRun(root);
    expect(whole.checkpoints.map(({ step, incomplete }) => [step, incomplete])).toEqual(
      [20, 40, 60, 80, 100, 120].map((step) => [step, false]),
    );
    for (const metric of ["loss", "eval_loss"] as const) {
      const before = [...first.logged[metric]].filter(([step]) => step <= 40);
      const expected = inOrder(new Map([...before, ...second.logged[metric]]));
      expect(await drawn(whole, metric), metric).toEqual(expected);
    }
    for (const { step = 0, evalLoss } of whole.checkpoints.slice(2))
      expect(evalLoss).toBe(second.logged.eval_loss.get(step));
    const lowest = inOrder(new Map([...first.logged.eval_loss, ...second.logged.eval_loss]))
      .filter(([step]) => step <= 40 || second.logged.eval_loss.has(step))
      .reduce((a, b) => (b[1] < a[1] ? b : a));
    expect(whole.best).toBe(join(output, `checkpoint-${lowest[0]}`));
  }, 60_000);
});
