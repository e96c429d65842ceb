import type { JobPlan, JobResult, ModelJob } from "../core/report/jobs/modelJob";
import type { CallProgress } from "./channel";

/** Where a panel that makes a new model stands. */
export type MakeState =
  | {
      readonly status: "choosing";
      readonly job: ModelJob;
      /** Why the last attempt came to nothing. */
      readonly failure?: string;
    }
  | { readonly status: "making"; readonly job: ModelJob; readonly out: string }
  | { readonly status: "made"; readonly job: ModelJob; readonly result: JobResult };

/** What is known of the place where a result is to go. */
export interface MakePlace {
  /** Something has this name already. */
  readonly taken: boolean;
  /** On its disk; undefined where the system does not say. */
  readonly freeBytes: number | undefined;
}

/** What the page that makes new models may ask of the extension. */
export interface MakeHostCalls {
  /** May come many times: a hidden page is destroyed and runs again when shown. */
  ready(params: null): MakeState;
  /** @throws with the reason why it cannot be done. */
  plan(params: { readonly job: ModelJob }): JobPlan;
  place(params: { readonly path: string }): MakePlace;
  /** Asks the user for a folder; undefined where they chose none. */
  chooseFolder(params: { readonly folder: string }): string | undefined;
  /** Asks the user for another base, or for one more adapter or snapshot; undefined where they chose none. */
  chooseSource(params: {
    readonly role: "base" | "adapter" | "snapshot";
    readonly job: ModelJob;
  }): string | undefined;
  /** Writes it, after a question where something would be replaced. What comes of it is told as `changed`. */
  make(params: { readonly job: ModelJob; readonly out: string; readonly maxShardBytes: number }): void;
  /** Stops the writing; nothing is left of it. */
  cancel(params: null): void;
  /** Back to the choices, from a result. */
  again(params: null): void;
  open(params: { readonly path: string }): void;
  compare(params: { readonly paths: readonly string[] }): void;
  /** Shows a report as a document of its own, under that name. */
  showReport(params: { readonly name: string; readonly text: string }): void;
  /** Selects a snapshot in Training Runs. */
  reveal(params: { readonly path: string }): void;
}

export interface MakePageCalls {
  changed(state: MakeState): void;
  progress(progress: CallProgress): void;
}
