import type { CompareMetric, CompareView } from "../../src/core/compare/compareView";
import { letterWidth } from "../ui/names/letterWidth";
import { NameColumn } from "../ui/names/nameColumn";
import { isRelative, metricInfos } from "./compareMetrics";

/** How wide the numbers of a metric are with the room around them, in pixels. */
export type MetricWidth = (metric: CompareMetric) => number;

const usualWidth: MetricWidth = (metric) => metricInfos[metric].width;

/** Widths in pixels, the same for both tables, so that what belongs to a snapshot is in one column. */
export interface ColumnWidths {
  readonly name: number;
  readonly snapshots: readonly number[];
  readonly total: number;
}

export interface WidthOptions {
  readonly wantedName?: number;
  /** What the names would take of room that the numbers leave. */
  readonly roomyName?: number;
  /** What names take before two that differ look alike. */
  readonly leastName?: number;
  readonly widthOf?: MetricWidth;
  /** What a snapshot takes at the least. */
  readonly narrowest?: number;
}

/** A header has a name, a stage and buttons to show. */
export const narrowestColumn = 176;
const narrowestName = 148;
const widestName = 320;
/** Names take no more of the room where numbers need it. */
const nameShare = 0.4;
/** Names of this many characters are read at a glance. */
const comfortableNameLength = 40;
const besideNamePx = 30;

/** Of the room, for names that would else look alike: beside them must be something to scroll. */
const mostNameShare = 0.6;

/** What the names cannot do without, in pixels. */
function leastNameWidth(names: NameColumn): number {
  return Math.ceil(names.least() * letterWidth()) + besideNamePx;
}

/** Names of this many characters are shown whole where there is room to spare. */
const roomyNameLength = 56;
const roomiestName = 440;

/** What the names would take of room that is left, in pixels. */
function roomyNameWidth({ longest }: NameColumn, usedPx = 0): number {
  return Math.min(longest, roomyNameLength) * letterWidth() + besideNamePx + usedPx;
}

/** What the names would like to have, in pixels. */
function wantedNameWidth({ longest }: NameColumn): number {
  return Math.min(longest, comfortableNameLength) * letterWidth() + besideNamePx;
}

/** So many rows tell how much room the names of all need. */
const mostRowsAsked = 5000;

/** Beside the name of a tensor stands what became of it, such as "other dtype". */
const tensorBadgePx = 84;

/** Both tables of a comparison have one column of names. */
export function nameWidths({ modules }: CompareView, tensors: readonly { readonly name: string }[]) {
  const ofModules = NameColumn.of(modules.map(({ module }) => module));
  const ofTensors = NameColumn.of(tensors.slice(0, mostRowsAsked).map(({ name }) => name));
  const leastName = Math.max(leastNameWidth(ofModules), leastNameWidth(ofTensors));
  const roomyName = Math.max(roomyNameWidth(ofModules), roomyNameWidth(ofTensors, tensorBadgePx));
  return {
    leastName,
    roomyName,
    wantedName: modules.length === 0 ? undefined : wantedNameWidth(ofModules),
  };
}

/** How many characters of a name a column shows, with `usedPx` for what stands beside the name. */
export function nameRoom({ name }: Pick<ColumnWidths, "name">, usedPx = 0): number {
  return Math.floor((name - besideNamePx - usedPx) / letterWidth());
}

/** Names get the room first, up to their share of it. */
function nameWidthIn(room: number, wanted: number, least: number): number {
  return Math.max(
    narrowestName,
    Math.min(widestName, least, room * mostNameShare),
    Math.min(widestName, wanted, room * nameShare),
  );
}

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
  {
    wantedName = narrowestName,
    leastName = narrowestName,
    widthOf = usualWidth,
    narrowest = narrowestColumn,
  }: WidthOptions = {},
): readonly CompareMetric[] {
  const each = Math.max(narrowest, (room - nameWidthIn(room, wantedName, leastName)) / Math.max(1, count));
  const place = (metric: CompareMetric) => {
    if (metric === sorted) return -1;
    return importance.includes(metric) ? importance.indexOf(metric) : importance.length;
  };
  const fitting = new Set<CompareMetric>();
  let used = 0;
  for (const metric of [...metrics].sort((a, b) => place(a) - place(b))) {
    used += widthOf(metric);
    if (used > each && fitting.size > 0) break;
    fitting.add(metric);
  }
  return metrics.filter((metric) => fitting.has(metric));
}

/**
 * All snapshots have one width. What is left of the room goes to all alike; what is missing makes the tables scroll
 * sideways.
 */
export function columnWidths(
  room: number,
  count: number,
  metrics: readonly CompareMetric[],
  {
    wantedName = widestName,
    roomyName = 0,
    leastName = narrowestName,
    widthOf = usualWidth,
    narrowest = narrowestColumn,
  }: WidthOptions = {},
): ColumnWidths {
  const metricPx = metrics.reduce((sum, metric) => sum + widthOf(metric), 0);
  const wanted = Math.max(narrowest, count === 0 ? 0 : metricPx);
  const inRoom = nameWidthIn(room, wantedName, leastName);
  const spare = room - inRoom - wanted * count;
  // Half of what is left stays with the numbers.
  const name = Math.round(
    spare > 0
      ? Math.max(
          narrowestName,
          Math.min(widestName, wantedName),
          Math.min(roomiestName, roomyName, inRoom + spare / 2),
        )
      : inRoom,
  );
  const each = Math.floor(wanted + Math.max(0, room - name - wanted * count) / Math.max(1, count));
  return { name, snapshots: Array.from({ length: count }, () => each), total: name + each * count };
}
