import type { LoraModule } from "../../core/adapter/loraModule";
import type { PairingOptions } from "../../core/compare/comparison";
import type { TimelineRow } from "../../core/compare/computeTimeline";
import type { ModuleComparison } from "../../core/compare/modules/moduleComparison";
import type { TimelineMetric } from "../../core/compare/timeline";
import type { FactorTask } from "../../core/transform/factorQueue";
import type { ModuleMeasurement } from "../../core/update/measureModule";
import type { JobControl } from "../numbers/numbersJob";

/** What is asked about rows of modules. */
export type UpdatesTask =
  | { readonly kind: "measure" }
  | { readonly kind: "compare"; readonly options: PairingOptions }
  | { readonly kind: "follow"; readonly metrics: readonly TimelineMetric[] };

/** A module of an adapter, or aligned modules of several: one for each, undefined where it has none. */
export interface UpdatesRow {
  readonly modules: readonly (LoraModule | undefined)[];
}

/** Rows whose tensors are plain bytes of files, by their numbers in `paths`: a thread reads them and opens no checkpoint. */
export interface PlacedRows {
  readonly paths: readonly string[];
  readonly rows: readonly UpdatesRow[];
}

export interface UpdatesJob extends PlacedRows {
  readonly kind: "updates";
  readonly control: JobControl;
  readonly task: UpdatesTask;
}

/** The factors of one module of a new adapter, from plain bytes of files by their numbers in `paths`. */
export interface FactorsJob {
  readonly kind: "factors";
  readonly control: JobControl;
  readonly paths: readonly string[];
  readonly task: FactorTask;
}

type SentFingerprint = Omit<NonNullable<ModuleMeasurement["fingerprint"]>, "evidence"> & {
  readonly evidence: string;
};

/** A measurement without its module, which the asker has, and with its evidence worded. */
export type SentMeasurement = Omit<ModuleMeasurement, "module" | "fingerprint"> & {
  readonly fingerprint: SentFingerprint | undefined;
};

export type SentComparison = Omit<ModuleComparison, "module" | "measurements"> & {
  readonly measurements: readonly (SentMeasurement | undefined)[];
};

/** Of one row, what its task asks. */
export interface UpdateResult {
  readonly measurement?: SentMeasurement;
  readonly comparison?: SentComparison;
  readonly values?: TimelineRow;
}
