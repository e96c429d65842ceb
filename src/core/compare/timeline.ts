import { moduleMetricIds } from "../update/moduleMetrics";
import type { ModuleGrid } from "./modules/moduleGrid";

/** What can be followed over a run. `change…` are against the checkpoint before, `fromFirst` against the first. */
export const timelineMetrics = [
  ...moduleMetricIds,
  "relativeChange",
  "cosine",
  "energyKept",
  "fromFirst",
] as const;

export type TimelineMetric = (typeof timelineMetrics)[number];

/** Metrics of every module over the checkpoints of a run. Plain data. */
export interface Timeline {
  /** In the order of their steps. */
  readonly checkpoints: readonly TimelineCheckpoint[];
  readonly modules: readonly string[];
  readonly grid: ModuleGrid;
  /** Those that there are; all where it is not said. */
  readonly metrics?: readonly TimelineMetric[];
  /** By metric: modules × checkpoints, row by row; NaN where there is no value. */
  readonly values: Readonly<Partial<Record<TimelineMetric, Float32Array>>>;
}

export interface TimelineCheckpoint {
  readonly path: string;
  readonly label: string;
  readonly step: number | undefined;
  /** Why it can't be read; its column holds no values. */
  readonly failure: string | undefined;
}
