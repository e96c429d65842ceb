import type { CheckpointSummary } from "../core/checkpoint/summary";
import type { Problem } from "../core/problem/problem";
import type { RunHead } from "../core/runs/merge/runHead";
import type { ChartChoices, ChartHostCalls } from "./chartCalls";
import type { CheckpointCalls } from "./checkpointCalls";
import type { LoraHostCalls } from "./loraSurface";
import type { ExportHostCalls, NumbersHostCalls, NumbersPageCalls } from "./numbersSurface";
import type { PageCalls } from "./pageCalls";

/** Questions about the checkpoint that the worker answers. */
type ForwardedCalls = PageCalls<
  CheckpointCalls,
  | "tensorChunk"
  | "contentPage"
  | "partSettings"
  | "optimizers"
  | "optimizerPage"
  | "quantisedState"
  | "resume"
  | "health"
>;

/** What the checkpoint editor shows. `generation` grows each time the file is read anew. */
export type EditorState =
  | { readonly status: "ready"; readonly generation: number; readonly summary: CheckpointSummary }
  | {
      readonly status: "failed";
      readonly generation: number;
      readonly path: string;
      readonly name: string;
      readonly fileBytes: number | undefined;
      readonly problem: Problem;
    }
  | { readonly status: "deleted"; readonly generation: number; readonly path: string; readonly name: string };

/** What the page of the checkpoint editor may ask of the extension. */
export interface EditorHostCalls
  extends ForwardedCalls,
    LoraHostCalls,
    NumbersHostCalls,
    ExportHostCalls,
    ChartHostCalls {
  /** May come many times: a hidden page is destroyed and runs again when shown. */
  ready(params: null): EditorState;
  /** Undefined where no training log is beside the checkpoint. Its charts ask what they need of the only run. */
  training(params: null): { readonly head: RunHead; readonly choices: ChartChoices | undefined } | undefined;
  /** Reads the file again, after a change or a failure. The new state comes as `changed`. */
  reload(params: null): void;
  /** Opens another checkpoint or file in its own editor. */
  open(params: { readonly path: string }): void;
  /** Shows the file as it is, in VS Code's text editor. */
  openAsText(params: { readonly path: string }): void;
  copy(params: { readonly text: string; readonly what: string }): void;
  /** Asks the user for the stage of this snapshot. */
  setStage(params: null): void;
  /** Asks the user for other snapshots and compares this one with them. */
  compare(params: null): void;
}

/** What the extension tells the page. */
export interface EditorPageCalls extends NumbersPageCalls {
  changed(state: EditorState): void;
  /** Switches to a tab, if the file has it, e.g. because the run tree asked for it, and there to the form that lowers ranks. */
  showTab(params: { readonly tab: string; readonly reduce?: boolean }): void;
}
