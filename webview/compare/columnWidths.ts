import type { CompareMetric } from "../../src/core/compare/compareView";
import { isRelative, metricInfos } from "./compareMetrics";

/** Widths in pixels, the same for both tables, so that what belongs to a snapshot is in one column. */
export interface ColumnWidths {
  readonly name: number;
  readonly snapshots: readonly number[];
  readonly total: number;
}

/** A header has a name, a stage and buttons to show. */
const narrowestColumn = 176;
const narrowestName = 148;
const widestName = 320;

/** Which metrics the snapshot at this place shows; the first is not compared with itself. */
export function metricsAt(place: number, metrics: readonly CompareMetric[]): readonly CompareMetric[] {
  return place === 0 ? metrics.filter((metric) => !isRelative(metric)) : metrics;
}

/** Which metrics give way last where there is little room; those not named go first. */
const importance: readonly CompareMetric[] = [
  "frobenius",
  "change",
  "changePrevious",
  "cosine",
  "cosinePrevious",
  "rank",
];

/**
 * As many of the metrics as fit beside the names with all snapshots in sight. Where even one does not fit, the
 * table scrolls sideways with what the narrowest column takes.
 * @param sorted what the rows are sorted by: it stays.
 */
export function fittingMetrics(
  room: number,
  count: number,
  metrics: readonly CompareMetric[],
  sorted?: CompareMetric,
): readonly CompareMetric[] {
  const each = Math.max(narrowestColumn, (room - narrowestName) / Math.max(1, count));
  const place = (metric: CompareMetric) => {
    if (metric === sorted) return -1;
    return importance.includes(metric) ? importance.indexOf(metric) : importance.length;
  };
  const fitting = new Set<CompareMetric>();
  let used = 0;
  for (const metric of [...metrics].sort((a, b) => place(a) - place(b))) {
    used += metricInfos[metric].width;
    if (used > each && fitting.size > 0) break;
    fitting.add(metric);
  }
  return metrics.filter((metric) => fitting.has(metric));
}

/** What is left of the room goes to all columns alike; what is missing makes the tables scroll sideways. */
export function columnWidths(room: number, count: number, metrics: readonly CompareMetric[]): ColumnWidths {
  const wanted = Array.from({ length: count }, (_, place) =>
    Math.max(
      narrowestColumn,
      metricsAt(place, metrics).reduce((sum, metric) => sum + metricInfos[metric].width, 0),
    ),
  );
  const wantedTotal = wanted.reduce((sum, width) => sum + width, 0);
  const name = Math.round(
    Math.min(widestName, Math.max(narrowestName, Math.max(room * 0.24, room - wantedTotal))),
  );
  const spare = Math.max(0, room - name - wantedTotal);
  const snapshots = wanted.map((width) => Math.floor(width + spare / Math.max(1, count)));
  return { name, snapshots, total: name + snapshots.reduce((sum, width) => sum + width, 0) };
}
