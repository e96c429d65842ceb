import type { LogEntry } from "../../../../src/core/progress/trainerState";
import { describeMetric } from "../../../../src/core/runs/series/metricFamily";
import { compareSeries, type MetricSeries } from "../../../../src/core/runs/series/metricSeries";

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
