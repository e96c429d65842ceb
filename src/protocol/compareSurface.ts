import type { BaseComparison } from "../core/base/compareWithBase";
import type { Timeline, TimelineMetric } from "../core/compare/timeline";
import type { Lineage } from "../core/stage/lineage";
import type { IntruderReport } from "../core/update/intruders";
import type { CallProgress } from "./channel";
import type { CompareCalls } from "./compareCalls";
import type { CompareHead, ComparePiece } from "./comparePieces";
import type { DiffHostCalls, DiffPageCalls } from "./diffSurface";
import type { PageCall } from "./pageCalls";
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
export interface CompareHostCalls extends DiffHostCalls {
  /** May come many times: a hidden page is destroyed and runs again when shown. */
  ready(params: null): CompareState;
  /** More rows of that comparison, from `ComparePiece.next` on. Fails when a newer one has taken its place. */
  rows(params: { readonly generation: number; readonly first: number }): ComparePiece;
  readonly moduleDetail: PageCall<CompareCalls, "compareModule">;
  /** Any two columns, of which `moduleDetail` has only those with the first and with the left neighbour. */
  readonly modulePair: PageCall<CompareCalls, "comparePair">;
  /** The page to begin with, in a panel that was opened for it. */
  startPage(params: null): "lineage" | undefined;
  /** Where the columns come from; of a panel that follows a run, all its checkpoints. */
  lineage(params: null): Lineage;
  /** Selects a snapshot in Training Runs. */
  reveal(params: { readonly path: string }): void;
  /** Compares two snapshots in a panel of their own. */
  compareApart(params: { readonly paths: readonly string[] }): void;
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
   * The updates of all `paths`, which may be more than the columns. Computed once however often it is asked.
   * Tells its progress; aborting the call stops it. `values` holds the metrics asked for,
   * without `metrics` as many as fit into one message, the first of `timelineMetrics` first.
   */
  timeline(params: {
    readonly paths: readonly string[];
    readonly metrics?: readonly TimelineMetric[];
  }): Timeline;
  /** Opens a snapshot in the editor, at the form that lowers its rank. */
  reduceRank(params: { readonly path: string }): void;
  /** Path of a snapshot's base model: what the user chose, else what is beside it; a column may be it as well. */
  baseModel(params: { readonly path: string }): string | undefined;
  /** Asks the user for the base model of a snapshot; undefined where they gave none. */
  chooseBaseModel(params: { readonly path: string }): string | undefined;
  /** ‖ΔW‖/‖W‖ of a snapshot's modules. Reads the adapted weights of the base and tells its progress: abort it when it is no longer wanted. */
  compareWithBase(params: { readonly path: string; readonly base: string }): BaseComparison;
  /** Intruder dimensions of a module, from a decomposition of its base weight: may take a minute; can be aborted. */
  intruders(params: {
    readonly path: string;
    readonly base: string;
    readonly module: string;
  }): IntruderReport;
  /** Asks the user where to put it. */
  savePng(params: Picture): void;
  /** Stops the comparison that is being computed. */
  cancel(params: null): void;
}

export interface ComparePageCalls extends DiffPageCalls {
  changed(state: CompareState): void;
  /** How far the comparison is that the extension computes. */
  progress(progress: CallProgress): void;
}
