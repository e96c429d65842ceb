import { type MetricKind, metricRank } from "./metricFamily";

/** Numbers in the order of their steps. */
export interface MetricColumns {
  readonly steps: Float64Array;
  readonly values: Float64Array;
}

/** One metric over the training, in the order of its steps, one value a step. */
export interface MetricSeries {
  /** The name under which it was logged, e.g. `eval_loss` or `rewards/chosen`. */
  readonly key: string;
  /** The family under which a list shows it. */
  readonly group: string;
  readonly label: string;
  readonly kind: MetricKind;
  readonly steps: Float64Array<ArrayBuffer>;
  /** NaN where the log does not say. */
  readonly epochs: Float64Array<ArrayBuffer>;
  /** As logged, NaN and infinities included. */
  readonly values: Float64Array<ArrayBuffer>;
  /**
   * Seconds since 1970, or since the training began where the log knows no more; NaN where it does not say.
   */
  readonly wallTimes?: Float64Array<ArrayBuffer>;
}

/** Main metrics first, families together, speed last. */
export function compareSeries(
  a: Pick<MetricSeries, "key" | "group">,
  b: Pick<MetricSeries, "key" | "group">,
): number {
  return metricRank(a.key) - metricRank(b.key) || compareText(a.group, b.group) || compareText(a.key, b.key);
}

/** Index of the last point at or before `step`, or -1. */
export function indexAtStep(series: { readonly steps: Float64Array }, step: number): number {
  let low = 0;
  let high = series.steps.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((series.steps[middle] ?? Number.NaN) <= step) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** The value last logged at or before `step`; NaN when NaN was logged. */
export function valueAtStep(series: MetricSeries, step: number): number | undefined {
  return series.values[indexAtStep(series, step)];
}

/** Whether the axis counts epochs: a log without steps, such as YOLO's results.csv. */
export function countsEpochs({
  steps,
  epochs,
}: {
  readonly steps: Float64Array;
  readonly epochs?: Float64Array | undefined;
}): boolean {
  return steps.length > 0 && epochs !== undefined && steps.every((step, at) => epochs[at] === step);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
