import { describeMetric } from "../series/metricFamily";
import { compareSeries, type MetricColumns } from "../series/metricSeries";
import type { MetricHead, MetricPoint } from "./runHead";

/** What is known of a metric so far. */
interface Facts {
  count: number;
  firstStep: number;
  lastStep: number;
  last: number;
  lowest: MetricPoint | undefined;
  highest: MetricPoint | undefined;
  notFinite: number;
  notPositive: number;
  whole: boolean;
}

/** The numbers that stand for each metric, kept up to date at the cost of what is new. */
export class MetricFacts {
  private readonly facts = new Map<string, Facts>();

  /** Points behind those that are known. */
  append(key: string, { steps, values }: MetricColumns): void {
    const facts = this.facts.get(key) ?? noFacts();
    this.facts.set(key, facts);
    for (let index = 0; index < values.length; index++) {
      addPoint(facts, steps[index] ?? Number.NaN, values[index] ?? Number.NaN);
    }
  }

  /** Forgets what was known of it; undefined where the metric is gone. */
  replace(key: string, columns: MetricColumns | undefined): void {
    this.facts.delete(key);
    if (columns !== undefined) this.append(key, columns);
  }

  /** Main metrics first, at most `limit` of them. */
  heads(limit: number): MetricHead[] {
    const known = [...this.facts].filter(([, { count }]) => count > 0);
    const heads = known.map(([key, { lowest, highest, ...numbers }]) => ({
      key,
      ...describeMetric(key),
      ...numbers,
      ...(lowest === undefined ? {} : { lowest }),
      ...(highest === undefined ? {} : { highest }),
    }));
    return heads.sort(compareSeries).slice(0, limit);
  }

  get size(): number {
    return this.facts.size;
  }
}

function noFacts(): Facts {
  return {
    count: 0,
    firstStep: Number.NaN,
    lastStep: Number.NaN,
    last: Number.NaN,
    lowest: undefined,
    highest: undefined,
    notFinite: 0,
    notPositive: 0,
    whole: true,
  };
}

function addPoint(facts: Facts, step: number, value: number): void {
  if (facts.count === 0) facts.firstStep = step;
  facts.count++;
  facts.lastStep = step;
  facts.last = value;
  if (!Number.isFinite(value)) {
    facts.notFinite++;
    return;
  }
  if (value <= 0) facts.notPositive++;
  if (facts.whole && !Number.isInteger(value)) facts.whole = false;
  if (facts.lowest === undefined || value < facts.lowest.value) facts.lowest = { step, value };
  if (facts.highest === undefined || value > facts.highest.value) facts.highest = { step, value };
}
