import type { CompareModuleDetail, CompareView } from "../core/lora/compareView";
import type { UserStages } from "./checkpointCalls";

/** What the worker answers about snapshots side by side. */
export interface CompareCalls {
  /** `progressToken` names this comparison in `progress`. */
  compare(params: {
    readonly paths: readonly string[];
    readonly userStages: UserStages;
    readonly progressToken: number;
  }): { readonly handle: number; readonly view: CompareView };
  compareModule(params: { readonly handle: number; readonly module: string }): CompareModuleDetail;
}
