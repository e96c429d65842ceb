import type { PairingOptions } from "../../core/compare/comparison";
import type { TimelineRow } from "../../core/compare/computeTimeline";
import type { ModuleComparison } from "../../core/compare/modules/moduleComparison";
import type { TimelineMetric } from "../../core/compare/timeline";
import type { ModuleMeasurement } from "../../core/update/measureModule";
import type { JobControl } from "../numbers/numbersJob";

/** What is asked about modules of adapters, each of which a thread opens itself: a tensor may be more than a message can hold. */
export type UpdatesTask =
  | { readonly kind: "measure"; readonly path: string }
  | { readonly kind: "compare"; readonly paths: readonly string[]; readonly options: PairingOptions }
  | {
      readonly kind: "follow";
      readonly paths: readonly string[];
      readonly metrics: readonly TimelineMetric[];
    };

/** Rows of a task, which are modules of an adapter or aligned modules of several. */
export interface UpdatesJob {
  readonly kind: "updates";
  readonly control: JobControl;
  /** Jobs of one pass are about the same files: a thread opens them once. */
  readonly pass: number;
  readonly task: UpdatesTask;
  readonly rows: readonly number[];
}

type SentFingerprint = Omit<NonNullable<ModuleMeasurement["fingerprint"]>, "evidence"> & {
  readonly evidence: string;
};

/** A measurement without its module, which the asker has, and with its evidence worded. */
export type SentMeasurement = Omit<ModuleMeasurement, "module" | "fingerprint"> & {
  readonly fingerprint: SentFingerprint | undefined;
};

export type SentComparison = Omit<ModuleComparison, "measurements"> & {
  readonly measurements: readonly (SentMeasurement | undefined)[];
};

/** Of one row. `module` is its name: where it is another than the asker's, the file is another by now. */
export interface UpdateResult {
  readonly module: string;
  readonly measurement?: SentMeasurement;
  readonly comparison?: SentComparison;
  readonly values?: TimelineRow;
}
