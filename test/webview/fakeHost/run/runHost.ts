import { runParams } from "../../../../src/protocol/params/runParams";
import type { RunEntry, RunHostCalls, RunPageCalls, RunState } from "../../../../src/protocol/runSurface";
import { fakeChannel, type StartHost } from "../fakeChannel";
import { chartHandlers } from "./chartHandlers";
import { type RunSample, runSamples, sampleNowMs } from "./runSamples";
import { trainingSamples } from "./trainingSamples";

export interface RunHostOptions {
  /** A name in runSamples; "failed" is mended by reading again. */
  readonly sample?: string;
  /** A log that was opened by itself. */
  readonly log?: boolean;
}

declare global {
  interface Window {
    /** What a test can make happen on the side of the extension. */
    __fakeRun: {
      /** As when the training goes on to that step, of 480, and saves a checkpoint. */
      growTo(step: number): void;
      addRun(): void;
    };
  }
}

/** The extension as the page of runs' charts sees it. */
export const startRunHost: StartHost = (send, options) => {
  const { sample = "run", log = false } = (options ?? {}) as RunHostOptions;
  const make = runSamples[sample];
  if (make === undefined) throw new Error(`No sample "${sample}"`);
  let runs: readonly RunSample[] = make();
  const styles = runs.map(({ id }) => id);
  let generation = 1;
  let isMended = false;
  const runOf = (id: string) => {
    const found = runs.find((run) => run.id === id);
    if (found === undefined) throw new Error("The run is no longer on this page.");
    return found.run;
  };
  const state = (): RunState => ({
    generation,
    kind: log ? "log" : "runs",
    runs: runs.map((run) => entryOf(run, styles.indexOf(run.id), isMended)),
    choices: undefined,
    nowMs: sampleNowMs,
  });
  const publish = () => {
    generation++;
    channel.notify("changed", state());
  };
  const { channel, receive } = fakeChannel<RunHostCalls, RunPageCalls>(send, runParams, {
    ...chartHandlers(runOf),
    ready: state,
    open: () => {},
    copy: () => {},
    reload: () => {
      isMended = true;
      publish();
    },
    addRuns: () => {},
    removeRun: ({ run }) => {
      runs = runs.filter(({ id }) => id !== run);
      publish();
    },
    valuesAt: ({ of }) => Float64Array.from(of, ({ run, key, step }) => runOf(run).valueAt(key, step)),
  });
  window.__fakeRun = {
    growTo(step) {
      const [first] = runs;
      const whole = trainingSamples.run?.();
      if (first === undefined || whole === undefined) return;
      const series = whole.series.map((each) => {
        const length = each.steps.filter((at) => at <= step).length;
        return {
          ...each,
          steps: each.steps.slice(0, length),
          epochs: each.epochs.slice(0, length),
          values: each.values.slice(0, length),
        };
      });
      const checkpoints = whole.checkpoints
        .filter((checkpoint) => checkpoint.step <= step)
        .map((checkpoint) => ({ ...checkpoint, current: false }));
      first.run.replace({ ...whole, series, checkpoints, summary: [] });
      const head = first.run.head();
      channel.notify("grew", { run: first.id, head, progress: head.progress, nowMs: sampleNowMs });
    },
    addRun() {
      const added = runSamples.run?.()[0];
      if (added === undefined) return;
      runs = [...runs, { ...added, id: "run:added", name: "added" }];
      styles.push("run:added");
      publish();
    },
  };
  return receive;
};

function entryOf(
  { id, name, path, run, fails = false }: RunSample,
  style: number,
  isMended: boolean,
): RunEntry {
  const about = { id, name, path, style };
  if (!fails || isMended) return { ...about, content: { status: "ready", head: run.head() } };
  const message = "The folder of this run no longer exists.";
  const problem = { severity: "error", code: "RunGone", message, file: path } as const;
  return { ...about, content: { status: "failed", problem } };
}
