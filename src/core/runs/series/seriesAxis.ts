import type { MetricSeries } from "./metricSeries";
import { StepCurve } from "./stepCurve";

/** What a chart of a training may have from left to right. */
export type AxisKind = "step" | "epoch" | "wallTime" | "relativeTime" | "tokens";

/** Points of a series on an axis, in the order of x. */
export interface AxisPoints {
  readonly x: Float64Array<ArrayBuffer>;
  readonly y: Float64Array<ArrayBuffer>;
  /** Points whose place on this axis no log knows. */
  readonly omitted: number;
}

/** What counts tokens, surest first. */
const tokenMetrics = [
  "num_input_tokens_seen",
  "num_tokens",
  "total_tokens",
  "tokens_seen",
  "tokens",
] as const;

/** The metric that counts the tokens that were trained on. */
export function tokenKeyOf(keys: readonly string[]): string | undefined {
  return tokenMetrics.find((name) => keys.includes(name));
}

/**
 * Puts a series on an axis. `originSeconds` is where relative time begins, the first time of the run;
 * `tokens` is the series that counts them. Undefined where no log knows the axis.
 */
export function seriesOnAxis(
  series: MetricSeries,
  axis: AxisKind,
  {
    originSeconds,
    tokens,
  }: { readonly originSeconds?: number; readonly tokens?: MetricSeries | undefined } = {},
): AxisPoints | undefined {
  const { steps, values, epochs, wallTimes } = series;
  switch (axis) {
    case "step":
      return { x: steps, y: values, omitted: 0 };
    case "epoch":
      return ordered(epochs, values);
    case "wallTime":
      return wallTimes === undefined ? undefined : ordered(wallTimes, values);
    case "relativeTime": {
      if (wallTimes === undefined) return undefined;
      const origin = originSeconds ?? wallTimes.find(Number.isFinite) ?? 0;
      return ordered(
        wallTimes.map((seconds) => seconds - origin),
        values,
      );
    }
    case "tokens":
      return tokens === undefined
        ? undefined
        : ordered(StepCurve.of(tokens.steps, tokens.values).along(steps), values);
  }
}

/** Only the points whose x is known, by x: a training that was resumed may go back. */
function ordered(x: Float64Array<ArrayBuffer>, y: Float64Array<ArrayBuffer>): AxisPoints | undefined {
  let ascending = true;
  let known = 0;
  let last = Number.NEGATIVE_INFINITY;
  for (const value of x) {
    if (!Number.isFinite(value)) continue;
    known++;
    if (value < last) ascending = false;
    last = value;
  }
  if (known === 0 && x.length > 0) return undefined;
  if (ascending && known === x.length) return { x, y, omitted: 0 };
  const order: number[] = [];
  x.forEach((value, index) => {
    if (Number.isFinite(value)) order.push(index);
  });
  if (!ascending) order.sort((a, b) => (x[a] as number) - (x[b] as number) || a - b);
  const pick = (column: Float64Array) => Float64Array.from(order, (index) => column[index] as number);
  return { x: pick(x), y: pick(y), omitted: x.length - known };
}
