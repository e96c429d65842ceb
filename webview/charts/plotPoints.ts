import { downsample } from "../../src/core/runs/downsample";
import type { ChartRange } from "./chartSeries";

/** What is drawn of one line in the visible range. */
export interface PlotPoints {
  readonly points: readonly { readonly x: number; readonly y: number }[];
  /** Where values are not finite, one per drawn gap: the line breaks there and a mark says so. */
  readonly gaps: readonly number[];
  /** Indices into `points` that have no neighbour to be joined to: as a line alone they would be invisible. */
  readonly isolated: ReadonlySet<number>;
}

/**
 * The points to draw, about two per pixel. On a logarithmic axis values that are not positive have no place and
 * become breaks without a mark; countLeftOut says how many they are.
 */
export function plotPoints(
  x: Float64Array,
  y: Float64Array,
  range: ChartRange,
  pixels: number,
  logarithmic: boolean,
): PlotPoints {
  const drawable = logarithmic ? y.map((value) => (value <= 0 ? Number.NaN : value)) : y;
  const points: { x: number; y: number }[] = [];
  const gaps: number[] = [];
  for (const index of downsample(x, drawable, range.min, range.max, Math.max(16, pixels))) {
    const at = x[index] ?? 0;
    const value = drawable[index] ?? Number.NaN;
    points.push({ x: at, y: Number.isFinite(value) ? value : Number.NaN });
    if (!Number.isFinite(y[index] ?? Number.NaN) && at >= range.min && at <= range.max) gaps.push(at);
  }
  const isolated = new Set<number>();
  points.forEach(({ y: value }, index) => {
    const joined = [points[index - 1]?.y, points[index + 1]?.y].some((next) => Number.isFinite(next));
    if (Number.isFinite(value) && !joined) isolated.add(index);
  });
  return { points, gaps, isolated };
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
  x: Float64Array,
  y: Float64Array,
  range: ChartRange,
  positiveOnly: boolean,
): ChartRange | undefined {
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  for (let index = 0; index < x.length; index++) {
    const at = x[index] ?? Number.NaN;
    const value = y[index] ?? Number.NaN;
    if (at < range.min || at > range.max || !Number.isFinite(value) || (positiveOnly && value <= 0)) continue;
    if (value < min) min = value;
    if (value > max) max = value;
  }
  return min > max ? undefined : { min, max };
}
