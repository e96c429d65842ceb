import { type Envelope, finiteOrNaN, sampleEnvelope } from "../../../src/core/runs/series/sampling";
import type { ChartRange, ChartSeries } from "../chartSeries";

interface Point {
  readonly x: number;
  readonly y: number;
}

/** What is drawn of one line in the visible range. */
export interface PlotPoints {
  readonly points: readonly Point[];
  /** Where values are not finite, one per drawn gap: the line breaks there and a mark says so. */
  readonly gaps: readonly number[];
  /** Indices into `points` that have no neighbour to be joined to: as a line alone they would be invisible. */
  readonly isolated: ReadonlySet<number>;
  /** Between which values the line runs around each point; undefined where every point is drawn. */
  readonly band: PlotBand | undefined;
  /** The smoothed line. */
  readonly smoothed: Pick<PlotPoints, "points" | "isolated"> | undefined;
}

/** Columns of equal length; NaN where there is no finite value. */
export interface PlotBand {
  readonly x: Float64Array;
  readonly min: Float64Array;
  readonly max: Float64Array;
}

/**
 * What to draw, one point a pixel where there are more. On a logarithmic axis values that are not positive have no
 * place and become breaks without a mark; countLeftOut says how many they are.
 */
export function plotPoints(
  series: ChartSeries,
  range: ChartRange,
  pixels: number,
  logarithmic: boolean,
): PlotPoints {
  const { x, y, slices, smoothed } = series;
  const width = Math.max(16, pixels);
  const sample = (values: Float64Array) => sampleEnvelope(x, values, range.min, range.max, width);
  if (slices !== undefined) {
    // What lies beyond costs as much to draw as what is in sight.
    const near = nearRange(x, range);
    const { first, min, max, count, notFinite } = slices;
    const cut = <T extends Float64Array | Uint32Array>(column: T) => column.subarray(...near) as T;
    const seen = {
      x: cut(x),
      last: cut(y),
      first: cut(first),
      min: cut(min),
      max: cut(max),
      count: cut(count),
    };
    return drawn(seen, cut(notFinite), range, smoothed && cut(smoothed));
  }
  const drawable = logarithmic ? y.map((value) => (value <= 0 ? Number.NaN : value)) : y;
  const envelope = sample(drawable);
  const { notFinite } = logarithmic ? sample(y) : envelope;
  return drawn(envelope, notFinite, range, smoothed === undefined ? undefined : sample(smoothed).last);
}

/** From the point before the range to the second one after it: the last point of a slice may lie far from its first. */
function nearRange(x: Float64Array, { min, max }: ChartRange): readonly [start: number, end: number] {
  const after = x.findIndex((at) => at >= min);
  const beyond = x.findIndex((at) => at > max);
  return [
    Math.max(0, (after < 0 ? x.length : after) - 1),
    beyond < 0 ? x.length : Math.min(x.length, beyond + 2),
  ];
}

interface PlotSlices extends PlotBand, Pick<Envelope, "first" | "count"> {
  readonly last: Float64Array;
}

function drawn(
  envelope: PlotSlices,
  notFinite: Uint32Array,
  range: ChartRange,
  smoothed: Float64Array | undefined,
): PlotPoints {
  const { x, first, last, min, max, count } = envelope;
  const points: Point[] = [];
  const gaps: number[] = [];
  for (let index = 0; index < x.length; index++) {
    const at = x[index] ?? 0;
    // A slice that begins with a gap is not joined to the one before, though it ends with a value.
    if ((count[index] ?? 0) > 1 && Number.isNaN(first[index])) points.push({ x: at, y: Number.NaN });
    points.push({ x: at, y: finiteOrNaN(last[index]) });
    if ((notFinite[index] ?? 0) > 0 && at >= range.min && at <= range.max) gaps.push(at);
  }
  const smooth = smoothed && Array.from(x, (at, index) => ({ x: at, y: finiteOrNaN(smoothed[index]) }));
  return {
    points,
    gaps,
    isolated: isolatedIn(points),
    band: count.some((each) => each > 1) ? { x, min, max } : undefined,
    smoothed: smooth && { points: smooth, isolated: isolatedIn(smooth) },
  };
}

function isolatedIn(points: readonly Point[]): ReadonlySet<number> {
  const isolated = new Set<number>();
  points.forEach(({ y }, index) => {
    const joined = [points[index - 1]?.y, points[index + 1]?.y].some((next) => Number.isFinite(next));
    if (Number.isFinite(y) && !joined) isolated.add(index);
  });
  return isolated;
}

export interface LeftOut {
  readonly notFinite: number;
  /** Zero or negative: no place on a logarithmic axis. */
  readonly notPositive: number;
}

export function countLeftOut(y: Float64Array): LeftOut {
  let notFinite = 0;
  let notPositive = 0;
  for (const value of y) {
    if (!Number.isFinite(value)) notFinite++;
    else if (value <= 0) notPositive++;
  }
  return { notFinite, notPositive };
}

/** Lowest and highest finite value between two x, for the axis to fit; undefined where there is none. */
export function valueRange(
  { x, y, smoothed, slices }: ChartSeries,
  range: ChartRange,
  positiveOnly: boolean,
): ChartRange | undefined {
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  const include = (value = Number.NaN) => {
    if (!Number.isFinite(value) || (positiveOnly && value <= 0)) return;
    if (value < min) min = value;
    if (value > max) max = value;
  };
  const isSlice = slices !== undefined;
  for (let index = 0; index < x.length; index++) {
    const at = x[index] ?? Number.NaN;
    // The point of a slice is its last: the rest of it may be in sight where that is not.
    const beyond =
      isSlice && (slices.count[index] ?? 0) > 1 ? (x[index - 1] ?? range.min) >= range.max : at > range.max;
    if (at < range.min || beyond) continue;
    include(isSlice ? slices.min[index] : y[index]);
    include(isSlice ? slices.max[index] : y[index]);
    include(smoothed?.[index]);
  }
  return min > max ? undefined : { min, max };
}
