import { isAgainstFirst, type MetricId } from "./moduleRows";

/** Widths in pixels, the same for both tables, so that what belongs to a snapshot is in one column. */
export interface ColumnWidths {
  readonly name: number;
  readonly snapshots: readonly number[];
  readonly total: number;
}

export const metricWidths: Readonly<Record<MetricId, number>> = {
  rank: 48,
  frobenius: 80,
  relativeChange: 82,
  cosine: 78,
  spectral: 80,
  stableRank: 88,
  effectiveRank: 80,
};

/** A header has a name, a stage and buttons to show. */
const narrowestColumn = 190;
const narrowestName = 148;
const widestName = 320;

/** Which metrics the snapshot at this place shows; the first is not compared with itself. */
export function metricsAt(place: number, metrics: readonly MetricId[]): readonly MetricId[] {
  return place === 0 ? metrics.filter((metric) => !isAgainstFirst(metric)) : metrics;
}

/** What is left of the room goes to all columns alike; what is missing makes the tables scroll sideways. */
export function columnWidths(room: number, count: number, metrics: readonly MetricId[]): ColumnWidths {
  const wanted = Array.from({ length: count }, (_, place) =>
    Math.max(
      narrowestColumn,
      metricsAt(place, metrics).reduce((sum, metric) => sum + metricWidths[metric], 0),
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
