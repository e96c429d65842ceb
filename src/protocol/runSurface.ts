import type { Problem } from "../core/problem/problem";
import type { RunHead } from "../core/runs/merge/runHead";
import type { RunProgress } from "../core/runs/series/runProgress";
import type { ChartChoices, ChartHostCalls } from "./chartCalls";

/** A run of the page. `id` is the same as long as the training is the same. */
export interface RunEntry {
  readonly id: string;
  readonly name: string;
  readonly path: string;
  /** Which colour, dash and shape; it stays with the run. */
  readonly style: number;
  readonly content:
    | { readonly status: "reading" }
    | { readonly status: "ready"; readonly head: RunHead }
    | { readonly status: "failed"; readonly problem: Problem };
}

export interface RunState {
  readonly generation: number;
  /** A log that was opened by itself, or the runs of the workspace that are charted together. */
  readonly kind: "log" | "runs";
  readonly runs: readonly RunEntry[];
  readonly choices: ChartChoices | undefined;
  /** The extension's clock, in milliseconds since 1970: that of the files, which may be on another machine. */
  readonly nowMs: number;
}

/** What became known of a run since. */
export interface RunUpdate {
  readonly run: string;
  readonly head?: RunHead;
  readonly progress: RunProgress;
  readonly nowMs: number;
}

/** What the page of runs' charts may ask of the extension. */
export interface RunHostCalls extends ChartHostCalls {
  ready(params: null): RunState;
  open(params: { readonly path: string }): void;
  /** Reads all logs again. */
  reload(params: null): void;
  copy(params: { readonly text: string; readonly what: string }): void;
  /** Asks the user for runs to chart beside these. */
  addRuns(params: null): void;
  removeRun(params: { readonly run: string }): void;
  /** Values last logged at or before a step, in the order of the questions; NaN where there is none. */
  valuesAt(params: { readonly of: readonly ValueQuestion[] }): Float64Array;
}

export interface ValueQuestion {
  readonly run: string;
  readonly key: string;
  readonly step: number;
}

export interface RunPageCalls {
  changed(state: RunState): void;
  grew(update: RunUpdate): void;
}
