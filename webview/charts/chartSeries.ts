import type { Envelope } from "../../src/core/runs/series/sampling";

/** One line of a chart. `x` ascends and is finite; `y` may hold NaN and infinities, which are gaps. */
export interface ChartSeries {
  /** Unique within the chart. */
  readonly key: string;
  readonly label: string;
  readonly x: Float64Array;
  readonly y: Float64Array;
  /** Drawn over `y`, which then becomes pale. Of the same length. */
  readonly smoothed?: Float64Array;
  /**
   * Where the line is longer than what was sent of it: what each point, the last of its slice, stands for. Without it
   * every point is one.
   */
  readonly slices?: LineSlices;
  /** Drawn as bars from the floor, so wide around each x: the bins of a histogram. */
  readonly barWidth?: number;
  /** Which colour, dash and point shape; see seriesStyle. */
  readonly style: number;
  /** Overrides the colour of the style. */
  readonly color?: string;
}

export type LineSlices = Pick<Envelope, "first" | "min" | "max" | "count" | "notFinite">;

/** A vertical line at a moment worth finding, such as a checkpoint. */
export interface ChartMarker {
  readonly id: string;
  readonly label: string;
  readonly x: number;
  readonly best: boolean;
  readonly current: boolean;
  /** The newest that is whole. */
  readonly last?: boolean;
}

export interface ChartRange {
  readonly min: number;
  readonly max: number;
}

/** From the first to the last x of all series and markers; never empty, so that one point has room around it. */
export function domainOf(
  series: readonly { readonly x: Float64Array }[],
  markers: readonly ChartMarker[] = [],
): ChartRange {
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  const include = (x: number | undefined) => {
    if (x === undefined || !Number.isFinite(x)) return;
    min = Math.min(min, x);
    max = Math.max(max, x);
  };
  for (const { x } of series) {
    include(x[0]);
    include(x[x.length - 1]);
  }
  for (const marker of markers) include(marker.x);
  if (min > max) return { min: 0, max: 1 };
  const pad = min === max ? Math.max(1, Math.abs(min) * 0.05) : 0;
  return { min: min - pad, max: max + pad };
}

/** Index of the point whose x is nearest, or -1 of an empty series. */
export function nearestIndex(x: Float64Array, target: number): number {
  let low = 0;
  let high = x.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((x[middle] ?? Number.NaN) < target) low = middle + 1;
    else high = middle;
  }
  const after = x[low];
  const before = x[low - 1];
  if (after === undefined) return low - 1;
  return before !== undefined && target - before <= after - target ? low - 1 : low;
}

/** The x nearest to `target` at which any series has a point. */
export function nearestX(series: readonly ChartSeries[], target: number): number | undefined {
  let nearest: number | undefined;
  for (const { x } of series) {
    const candidate = x[nearestIndex(x, target)];
    if (candidate === undefined) continue;
    if (nearest === undefined || Math.abs(candidate - target) < Math.abs(nearest - target))
      nearest = candidate;
  }
  return nearest;
}

/** The next x after (`direction` 1) or before (-1) at which any series has a point. */
export function neighbourX(
  series: readonly ChartSeries[],
  from: number,
  direction: 1 | -1,
): number | undefined {
  let best: number | undefined;
  for (const { x } of series) {
    let index = nearestIndex(x, from);
    while (index >= 0 && index < x.length && ((x[index] ?? from) - from) * direction <= 0) index += direction;
    const candidate = x[index];
    if (candidate !== undefined && (best === undefined || (candidate - best) * direction < 0))
      best = candidate;
  }
  return best;
}
