import type { ModuleMeasurement } from "../../update/measureModule";
import type { UpdateMetrics } from "../../update/updateMetrics";
import type { UpdateComparison } from "./compareUpdates";

export interface ModulePair extends UpdateComparison {
  /** Indexes of the snapshots. */
  readonly a: number;
  readonly b: number;
  /** Of each expert, in order, where the module holds those of a mixture. */
  readonly experts?: readonly ExpertChange[];
}

/** How the update of one expert differs. */
export type ExpertChange = Pick<UpdateComparison, "cosine" | "relativeChange" | "sameness">;

export interface ModuleComparison {
  readonly module: string;
  /** One per snapshot; undefined where it does not adapt the module. */
  readonly measurements: readonly (ModuleMeasurement | undefined)[];
  readonly pairs: readonly ModulePair[];
  /** One per snapshot: s·(B·A - B₀·A₀), where the recipe changed the base and the start is among the snapshots. */
  readonly trueChanges?: readonly (UpdateMetrics | undefined)[];
}
