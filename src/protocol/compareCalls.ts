import type { CompareModuleDetail, CompareView, ModulePairDetail } from "../core/compare/compareView";
import type { Timeline } from "../core/compare/timeline";
import type { Lineage } from "../core/stage/lineage";
import type { UserStages } from "./checkpointCalls";

/** What the worker answers about snapshots side by side. */
export interface CompareCalls {
  /** Tells its progress. */
  compare(params: {
    readonly paths: readonly string[];
    readonly userStages: UserStages;
    readonly threads: number;
  }): {
    readonly handle: number;
    readonly view: CompareView;
  };
  /** The updates of every checkpoint of a run, or the drift of its weights where it has no adapters. Tells its progress. */
  timeline(params: {
    readonly paths: readonly string[];
    readonly userStages: UserStages;
    readonly threads: number;
  }): Timeline;
  /** Where snapshots come from, by what their files say. */
  lineage(params: { readonly paths: readonly string[]; readonly userStages: UserStages }): Lineage;
  compareModule(params: { readonly handle: number; readonly module: string }): CompareModuleDetail;
  /** `a` and `b` are indexes of snapshots. Undefined where one of them has no update to compare. */
  comparePair(params: {
    readonly handle: number;
    readonly module: string;
    readonly a: number;
    readonly b: number;
  }): ModulePairDetail | undefined;
}
