import type { Problem } from "../../problem/problem";
import type { ConfigRow } from "../logs/logFormat";
import type { MetricKind } from "../series/metricFamily";
import type { RunProgress } from "../series/runProgress";
import type { AxisKind } from "../series/seriesAxis";
import type { LogSource } from "./runLog";
import type { CheckpointMarker } from "./trainingView";

/**
 * Everything about a run that its page shows at once, however long its logs are: no points, which are asked
 * for as far as they are in sight. Plain data, of at most a few hundred kilobytes.
 */
export interface RunHead {
  /** As its owner called it, where a log says. */
  readonly name?: string;
  /** Main metrics first, then by family. */
  readonly metrics: readonly MetricHead[];
  /** Metrics beyond the bound, which are not shown. */
  readonly omittedMetrics: number;
  /** What a chart can have from left to right. */
  readonly axes: readonly AxisKind[];
  /** Where relative time begins, in the seconds of `wallTime`. */
  readonly originSeconds?: number;
  /** By step. */
  readonly checkpoints: readonly RunMarker[];
  /** How many more checkpoints there are that have no place on an axis: nothing tells their step. */
  readonly unplaced?: number;
  readonly maxSteps?: number;
  /** Facts about the whole training, written when it ended. */
  readonly summary: readonly (readonly [name: string, value: number])[];
  /** What the summary says in words. */
  readonly notes: readonly ConfigRow[];
  /** The settings it ran with. */
  readonly config: readonly ConfigRow[];
  readonly sources: readonly LogSource[];
  readonly problems: readonly Problem[];
  readonly progress: RunProgress;
}

/** A metric in a few numbers, of all its points. */
export interface MetricHead {
  readonly key: string;
  readonly group: string;
  readonly label: string;
  readonly kind: MetricKind;
  /** Points. */
  readonly count: number;
  readonly firstStep: number;
  readonly lastStep: number;
  /** As logged, NaN and infinities included. */
  readonly last: number;
  /** Undefined where no value is finite. */
  readonly lowest?: MetricPoint;
  readonly highest?: MetricPoint;
  /** Values that are NaN or infinite. */
  readonly notFinite: number;
  /** Finite values that are zero or negative: no place on a logarithmic axis. */
  readonly notPositive: number;
  /** Its finite values are whole numbers: a counter. */
  readonly whole: boolean;
}

export interface MetricPoint {
  readonly step: number;
  readonly value: number;
}

/** A checkpoint and where it is on each axis. */
export interface RunMarker extends CheckpointMarker {
  /** The one of the highest step that was saved completely. */
  readonly last: boolean;
  /** It is being written, or its save did not finish. */
  readonly incomplete: boolean;
  /** Seconds as the logs tell them; NaN where unknown. */
  readonly wallTime: number;
  /** Trained on until then; NaN where unknown. */
  readonly tokens: number;
}
