import type { Problem } from "../../problem/problem";
import type { ConfigRow } from "../logs/logFormat";
import type { MetricSeries } from "../series/metricSeries";
import type { LogSource } from "./runLog";

/** Everything the training charts show: of one checkpoint's log, or of a run's logs merged. Plain data. */
export interface TrainingView {
  /** Main metrics first, then by group. */
  readonly series: readonly MetricSeries[];
  readonly checkpoints: readonly CheckpointMarker[];
  /** The closing entry of the log (train_runtime …): facts about the whole training, not points. */
  readonly summary: readonly (readonly [name: string, value: number])[];
  readonly maxSteps: number | undefined;
  /** The settings the training ran with, where a log has them. */
  readonly config?: readonly ConfigRow[];
  /** What the summary says in words, e.g. that the run has failed. */
  readonly notes?: readonly ConfigRow[];
  /** The logs it was made of, where there are others than trainer_state.json. */
  readonly sources?: readonly LogSource[];
  readonly problems: readonly Problem[];
}

export interface CheckpointMarker {
  readonly path: string;
  readonly name: string;
  readonly step: number;
  /** NaN where unknown. */
  readonly epoch: number;
  readonly best: boolean;
  /** The checkpoint that the view belongs to. */
  readonly current: boolean;
}
