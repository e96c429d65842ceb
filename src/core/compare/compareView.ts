import type { StageSummary } from "../checkpoint/summary";
import type { Problem } from "../problem/problem";
import type { AdapterFingerprint } from "../update/adapterFingerprint";
import type { FactorHistogram } from "../update/factorHistogram";
import type { FactorNorms } from "../update/factorNorms";
import type { Finding } from "../update/findings";
import { moduleMetricIds } from "../update/moduleMetrics";
import type { CompareStep } from "./compareSteps";
import type { ModuleGrid } from "./modules/moduleGrid";

/** Two to eight snapshots side by side. Plain data. */
export interface CompareView {
  readonly columns: readonly SnapshotColumn[];
  /** One row a module that at least one snapshot adapts, aligned by name, in name order. */
  readonly modules: readonly CompareModuleRow[];
  /** For snapshots that are no adapters: their tensors, aligned by name. */
  readonly tensors: readonly CompareTensorRow[];
  readonly problems: readonly Problem[];
  /** The modules by layer and kind; cells are indexes into `modules`. */
  readonly grid?: ModuleGrid;
  /**
   * By metric: modules × columns, row by row, NaN where there is no value. For heat maps and sorting; numbers in
   * single precision.
   */
  readonly metrics?: Readonly<Partial<Record<CompareMetric, Float32Array>>>;
  /** What happened between neighbouring columns, one less than there are columns. */
  readonly steps?: readonly CompareStep[];
  /** The steps in one sentence; undefined where there is nothing to tell. */
  readonly story?: string;
  /**
   * Column that the others were trained from, where their recipe (PiSSA, OLoRA, …) moved part of the base into
   * the factors: `trueChange` is counted from it.
   */
  readonly initialColumn?: number;
}

export interface SnapshotColumn {
  readonly path: string;
  /** Short and unique among the columns, e.g. "01-svd" or "checkpoint-240". */
  readonly label: string;
  readonly stage: StageSummary | undefined;
  /** Where the tensors speak against the stage. */
  readonly stageNote?: string;
  readonly step: number | undefined;
  readonly epoch: number | undefined;
  readonly loss: number | undefined;
  readonly evalLoss: number | undefined;
  /** "8", or "4–16" where modules differ. */
  readonly rank: string | undefined;
  readonly alpha: string | undefined;
  readonly baseModel: string | undefined;
  readonly moduleCount: number;
  readonly parameterCount: number;
  readonly fileBytes: number;
  /** ‖ΔW‖_F over all modules, √Σ‖ΔW_i‖². */
  readonly frobenius: number | undefined;
  /** Over all modules against the first column. */
  readonly relativeChange: number | undefined;
  readonly cosine: number | undefined;
  /** Over all modules against the column to the left. */
  readonly previous?: UpdateChange;
  /** ‖s·(B·A - B₀·A₀)‖_F over all modules, where `CompareView.initialColumn` is set. */
  readonly trueChange?: number;
  /** What the tensors tell of how the adapter was made. */
  readonly fingerprint?: AdapterFingerprint;
  readonly findings?: readonly Finding[];
  /** Why this snapshot can't be read; the other columns stand. */
  readonly failure: Problem | undefined;
}

/**
 * Of one module in one column. `change`, `cosine`, `similarity` (φ of the input spaces), `kept` and `added` are
 * against the first column, with `Previous` against the column to the left.
 */
export const compareMetrics = [
  "rank",
  ...moduleMetricIds,
  "change",
  "cosine",
  "similarity",
  "kept",
  "added",
  "changePrevious",
  "cosinePrevious",
  "similarityPrevious",
  "keptPrevious",
  "addedPrevious",
  /** ‖s·(B·A - B₀·A₀)‖_F, where `CompareView.initialColumn` is set. */
  "trueChange",
] as const;

export type CompareMetric = (typeof compareMetrics)[number];

/** How an update differs from an earlier one. What cannot be said is undefined. */
export interface UpdateChange {
  /** ‖ΔW - ΔW_before‖ / ‖ΔW_before‖ */
  readonly relativeChange: number | undefined;
  readonly cosine: number | undefined;
  /** Share of the energy of the earlier update within the spaces of this one. */
  readonly energyKept: number | undefined;
  /** Share of the energy of this update outside of the spaces of the earlier one. */
  readonly newShare: number | undefined;
  /** The same factors, or other factors of the same update. */
  readonly sameness: "bytes" | "gauge" | undefined;
}

export interface CompareModuleRow {
  readonly module: string;
  /** One per column; null where the snapshot does not adapt the module. */
  readonly cells: readonly (CompareCell | null)[];
}

export interface CompareCell {
  readonly rank: number;
  readonly alpha: number | undefined;
  readonly scale: number;
  /** Undefined where the factors are not finite or could not be read; `unavailable` says why. */
  readonly frobenius: number | undefined;
  readonly spectral: number | undefined;
  readonly stableRank: number | undefined;
  readonly effectiveRank: number | undefined;
  /** Against the first column's update of this module; undefined where it has none. */
  readonly relativeChange: number | undefined;
  readonly cosine: number | undefined;
  readonly unavailable?: string;
}

/** One module in depth. Computed from its factors when asked for; some hundred kilobytes. */
export interface CompareModuleDetail {
  readonly module: string;
  /** One per column, σ in descending order; null where the snapshot does not adapt the module. */
  readonly singularValues: readonly (Float64Array | null)[];
  /** One per column: share of Σσ² in the first 1, 2, … singular values. */
  readonly energy?: readonly (Float64Array | null)[];
  /** One per column. */
  readonly factors?: readonly (FactorDetail | null)[];
  /** Each column with the first and with its left neighbour. */
  readonly pairs?: readonly ModulePairDetail[];
  /** One per column: σ of s·(B·A - B₀·A₀), where `CompareView.initialColumn` is set. */
  readonly trueChange?: readonly (Float64Array | null)[];
}

export interface FactorDetail {
  readonly norms: FactorNorms;
  /** Over one range for all columns. */
  readonly histogramA: FactorHistogram;
  readonly histogramB: FactorHistogram;
}

export interface ModulePairDetail extends UpdateChange {
  /** Indexes of the columns; `b` is right of `a`. */
  readonly a: number;
  readonly b: number;
  /** Why there is nothing to compare. */
  readonly reason: string | undefined;
  /** φ(i, j) of the input spaces (right singular vectors) and of the output spaces (left ones). */
  readonly input: SimilarityMap | undefined;
  readonly output: SimilarityMap | undefined;
  readonly inputAngles: AngleList | undefined;
  readonly outputAngles: AngleList | undefined;
}

/** φ(i, j) at row i - 1 and column j - 1, at most 64 × 64; rows belong to column `a`. */
export interface SimilarityMap {
  readonly rows: number;
  readonly cols: number;
  readonly values: Float32Array;
}

/** Principal angles in radians, smallest first. */
export type AngleList = Float64Array;

/** Rows of tensors that a comparison lists: a message of about 1 MB. */
export const maxListedTensors = 5000;

export type TensorStatus = "same layout" | "added" | "removed" | "shape" | "dtype";

export interface CompareTensorRow {
  readonly name: string;
  /** One per column: "F32 [4096, 4096]"; null where the snapshot lacks it. */
  readonly cells: readonly (string | null)[];
  readonly status: TensorStatus;
}
