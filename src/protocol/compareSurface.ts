import type { CompareModuleDetail } from "../core/lora/compareView";
import type { Timeline, TimelineMetric } from "../core/lora/timeline";
import type { CompareHead, ComparePiece } from "./comparePieces";
import type { Picture } from "./picture";

export type CompareState =
  | { readonly status: "working"; readonly paths: readonly string[] }
  | {
      readonly status: "ready";
      readonly generation: number;
      readonly head: CompareHead;
      /** The first rows; `rows` gives the others. */
      readonly piece: ComparePiece;
    }
  | { readonly status: "failed"; readonly message: string };

/** What the page of the compare panel may ask of the extension. Snapshots are named by their paths. */
export interface CompareHostCalls {
  /** May come many times: a hidden page is destroyed and runs again when shown. */
  ready(params: null): CompareState;
  /** More rows of that comparison, from `ComparePiece.next` on. Fails when a newer one has taken its place. */
  rows(params: { readonly generation: number; readonly first: number }): ComparePiece;
  moduleDetail(params: { readonly module: string }): CompareModuleDetail;
  /** The columns from left to right; the first is what the others are compared with. */
  arrange(params: { readonly paths: readonly string[] }): void;
  /** Asks the user for snapshots to add. */
  add(params: null): void;
  open(params: { readonly path: string }): void;
  setStage(params: { readonly path: string }): void;
  /** Asks for one after the other, until the user has enough of it. */
  setStages(params: { readonly paths: readonly string[] }): void;
  reload(params: null): void;
  copy(params: { readonly text: string; readonly what: string }): void;
  /** The checkpoints of the run that the panel was opened to follow; undefined where it was opened to compare. */
  timelinePaths(params: null): readonly string[] | undefined;
  /**
   * The updates of all `paths`, which may be more than the columns. Computed once however often it is asked;
   * `timelineProgress` says how far it is, and aborting the call stops it. `values` holds the metrics asked for,
   * without `metrics` as many as fit into one message, the first of `timelineMetrics` first.
   */
  timeline(params: {
    readonly paths: readonly string[];
    readonly metrics?: readonly TimelineMetric[];
  }): Timeline;
  /** Asks the user where to put it. */
  savePng(params: Picture): void;
  /** Stops the comparison that is being computed. */
  cancel(params: null): void;
}

export interface ComparePageCalls {
  changed(state: CompareState): void;
  progress(params: { readonly done: number; readonly total: number; readonly label: string }): void;
  timelineProgress(params: { readonly done: number; readonly total: number; readonly label: string }): void;
}
