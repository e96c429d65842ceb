import type { LogEntry } from "../../progress/trainerState";
import { describeMetric, type MetricKind, metricRank } from "./metricFamily";

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

export interface BestPoint {
  readonly key: string;
  readonly step: number;
  readonly value: number;
}

/**
 * One series per metric, main ones first, then by family. A step that occurs again (a resumed training, two
 * processes writing one log) keeps the value that was logged last.
 */
export function buildSeries(log: readonly LogEntry[]): MetricSeries[] {
  const columns = new Map<string, Column>();
  for (const { step, epoch, values } of log) {
    if (!Number.isFinite(step)) continue;
    for (const [key, value] of values) {
      let column = columns.get(key);
      if (column === undefined) {
        column = new Column();
        columns.set(key, column);
      }
      column.push(step, epoch, value);
    }
  }
  return [...columns]
    .map(([key, column]) => ({ key, ...describeMetric(key), ...column.finish() }))
    .sort(compareSeries);
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

/** The lowest evaluation loss, or the lowest training loss where nothing was evaluated. NaN never wins. */
export function bestPoint(allSeries: readonly MetricSeries[]): BestPoint | undefined {
  for (const series of [evaluationLoss(allSeries), allSeries.find(({ key }) => key === "loss")]) {
    const lowest = series === undefined ? undefined : lowestPoint(series);
    if (lowest !== undefined) return lowest;
  }
  return undefined;
}

/** With several evaluation sets (`eval_<set>_loss`) only their owner knows which one counts. */
function evaluationLoss(allSeries: readonly MetricSeries[]): MetricSeries | undefined {
  const named = allSeries.filter(({ key }) => /^eval_.+_loss$/.test(key));
  return allSeries.find(({ key }) => key === "eval_loss") ?? (named.length === 1 ? named[0] : undefined);
}

function lowestPoint({ key, steps, values }: MetricSeries): BestPoint | undefined {
  let lowest: BestPoint | undefined;
  values.forEach((value, index) => {
    if (Number.isFinite(value) && (lowest === undefined || value < lowest.value)) {
      lowest = { key, step: steps[index] ?? Number.NaN, value };
    }
  });
  return lowest;
}

class Column {
  private readonly steps: number[] = [];
  private readonly epochs: number[] = [];
  private readonly values: number[] = [];
  private ascending = true;
  private lastStep = Number.NEGATIVE_INFINITY;

  push(step: number, epoch: number, value: number): void {
    if (step <= this.lastStep) this.ascending = false;
    this.lastStep = step;
    this.steps.push(step);
    this.epochs.push(epoch);
    this.values.push(value);
  }

  finish(): Pick<MetricSeries, "steps" | "epochs" | "values"> {
    const order = this.ascending ? undefined : this.newestInOrder();
    const pick = (column: readonly number[]) =>
      Float64Array.from(order === undefined ? column : order.map((index) => column[index] ?? Number.NaN));
    return { steps: pick(this.steps), epochs: pick(this.epochs), values: pick(this.values) };
  }

  private newestInOrder(): number[] {
    const newest = new Map<number, number>();
    this.steps.forEach((step, index) => {
      newest.set(step, index);
    });
    return [...newest].sort(([a], [b]) => a - b).map(([, index]) => index);
  }
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
