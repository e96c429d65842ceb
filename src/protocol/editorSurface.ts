import type { CheckpointSummary } from "../core/checkpoint/summary";
import type { ContentPage, ContentPath } from "../core/content/contentTree";
import type { OptimizerPage, OptimizerView } from "../core/optimizer/optimizerView";
import type { QuantisedState, QuantisedStateRequest } from "../core/optimizer/quantisedState";
import type { Problem } from "../core/problem/problem";
import type { ResumeReport } from "../core/resume/resumeReport";
import type { RunHead } from "../core/runs/merge/runHead";
import type { TensorChunk } from "../core/tensors/tensorTable";
import type { ChartChoices, ChartHostCalls } from "./chartCalls";
import type { LoraHostCalls } from "./loraSurface";
import type { ExportHostCalls, NumbersHostCalls, NumbersPageCalls } from "./numbersSurface";

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
export interface EditorHostCalls extends LoraHostCalls, NumbersHostCalls, ExportHostCalls, ChartHostCalls {
  /** May come many times: a hidden page is destroyed and runs again when shown. */
  ready(params: null): EditorState;
  /** Rows of the tensor table in name order; the first chunk starts at 0, each next where the last ended. */
  tensorChunk(params: { readonly first: number }): TensorChunk;
  /** Undefined where no training log is beside the checkpoint. Its charts ask what they need of the only run. */
  training(params: null): { readonly head: RunHead; readonly choices: ChartChoices | undefined } | undefined;
  /** Children of a value of a torch file, from `from` on; undefined where the path leads nowhere. */
  contentPage(params: { readonly path: ContentPath; readonly from: number }): ContentPage | undefined;
  optimizers(params: null): readonly OptimizerView[];
  /** Parameters of one of the optimizers; the first page starts at 0, each next where the last ended. */
  optimizerPage(params: { readonly optimizer: number; readonly first: number }): OptimizerPage;
  /** Reads a moment of 8 bits whole and says what it stands for: may take a while. */
  quantisedState(params: QuantisedStateRequest): QuantisedState | undefined;
  /** Opens the other files of the checkpoint's folder: asked for when Health is shown. */
  resume(params: null): ResumeReport;
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
  /** Switches to a tab, e.g. because the run tree asked for it, and there to the form that lowers ranks. */
  showTab(params: { readonly tab: EditorTab; readonly reduce?: boolean }): void;
  /** How far a call is that takes long. */
  progress(params: {
    readonly work: EditorWork;
    readonly done: number;
    readonly total: number;
    readonly label: string;
  }): void;
}

/** Calls that tell their progress. */
export type EditorWork = "lora" | "base" | "reduce";

export type EditorTab = "overview" | "content" | "tensors" | "optimizer" | "training" | "lora" | "health";
