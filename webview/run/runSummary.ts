import { betterEnd } from "../../src/core/progress/metricDirection";
import type { MetricHead, MetricPoint } from "../../src/core/runs/merge/runHead";
import { evalLossKeyOf, lossKeyOf } from "../../src/core/runs/series/runProgress";
import type { DrawnRun } from "../training/chartPlans";

/** What the table of runs says of one metric. */
export interface SummaryMetric {
  readonly key: string;
  readonly label: string;
  /** The end that counts; the lowest where the name does not say. */
  readonly end: "lowest" | "highest";
  /** By the run's id. */
  readonly heads: ReadonlyMap<string, MetricHead>;
}

/** The losses, and whatever else the reader wants to know. */
export function summaryMetrics(runs: readonly DrawnRun[], chosen: string | undefined): SummaryMetric[] {
  const names = runs.map(({ head }) => head.metrics.map(({ key }) => key));
  const losses = names.map(lossKeyOf).find((key) => key !== undefined);
  const evalLosses = names.map(evalLossKeyOf).find((key) => key !== undefined);
  const keys = [...new Set([losses, evalLosses, chosen])].filter((key) => key !== undefined);
  return keys.flatMap((key) => summaryMetric(runs, key) ?? []);
}

function summaryMetric(runs: readonly DrawnRun[], key: string): SummaryMetric | undefined {
  const heads = new Map<string, MetricHead>();
  for (const { id, head } of runs) {
    const metric = head.metrics.find((each) => each.key === key);
    if (metric !== undefined) heads.set(id, metric);
  }
  const [first] = heads.values();
  if (first === undefined) return undefined;
  return { key, label: first.label, end: betterEnd(key) ?? "lowest", heads };
}

export function bestOf({ end, heads }: SummaryMetric, run: string): MetricPoint | undefined {
  const head = heads.get(run);
  return end === "lowest" ? head?.lowest : head?.highest;
}

/** The last step that all runs have reached: there they can be compared. */
export function commonStep(runs: readonly DrawnRun[]): number | undefined {
  const steps = runs
    .map(({ head }) => Math.max(...head.metrics.map(({ lastStep }) => lastStep)))
    .filter(Number.isFinite);
  return steps.length === 0 ? undefined : Math.min(...steps);
}

/** Places of the rows, smallest value first; where there is none, or NaN, last either way. */
export function sortedRows(values: readonly (number | string | undefined)[], descending: boolean): number[] {
  const isMissing = (value: number | string | undefined) =>
    value === undefined || (typeof value === "number" && Number.isNaN(value));
  const order = values.map((_, row) => row);
  return order.sort((a, b) => {
    const [left, right] = [values[a], values[b]];
    if (isMissing(left) || isMissing(right))
      return Number(isMissing(left)) - Number(isMissing(right)) || a - b;
    const compared =
      typeof left === "number" && typeof right === "number"
        ? left - right
        : String(left).localeCompare(String(right), undefined, { numeric: true });
    return (descending ? -compared : compared) || a - b;
  });
}
