import type { Problem } from "../../problem/problem";
import type { ConfigRow, LogFile, SummaryRow } from "../logs/logFormat";
import type { MetricSeries } from "../series/metricSeries";

/** Everything that the logs of a training say, out of however many there are. */
export interface RunLog {
  /** Main metrics first, then by family. */
  readonly series: readonly MetricSeries[];
  /** The settings it ran with. */
  readonly config: readonly ConfigRow[];
  /** Facts about the whole training, written when it ended. */
  readonly summary: readonly SummaryRow[];
  readonly maxSteps: number | undefined;
  /** As its owner called it, where a log says. */
  readonly name: string | undefined;
  readonly sources: readonly LogSource[];
  readonly problems: readonly Problem[];
}

/** A log that was read, and what it gave. */
export interface LogSource extends LogFile {
  /** The kind, for people. */
  readonly label: string;
  readonly metrics: number;
  readonly points: number;
  /** It holds another training and is left out. */
  readonly otherTraining: boolean;
}
