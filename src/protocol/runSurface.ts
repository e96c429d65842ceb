import type { Problem } from "../core/problem";
import type { TrainingView } from "../core/runs/trainingView";

export type RunState =
  | {
      readonly status: "ready";
      readonly generation: number;
      readonly name: string;
      readonly path: string;
      readonly training: TrainingView;
    }
  | { readonly status: "failed"; readonly name: string; readonly path: string; readonly problem: Problem };

/** What the page of a run's chart may ask of the extension. */
export interface RunHostCalls {
  ready(params: null): RunState;
  open(params: { readonly path: string }): void;
  reload(params: null): void;
  copy(params: { readonly text: string; readonly what: string }): void;
}

export interface RunPageCalls {
  changed(state: RunState): void;
}
