import { formatCount, plural } from "../../src/core/text/quantities";
import type { ChartSeries } from "../charts/chartSeries";
import type { SeriesWords } from "../charts/lineChart";
import { formatReading } from "../charts/reading";
import { type ChartPlan, type PlannedLine, seriesKey } from "./chartPlans";
import type { SampledLine } from "./sampledLines";

/** What a metric says in a few numbers, of all its points, by step. */
export function metricWords({ lines }: ChartPlan): SeriesWords {
  const lineOf = ({ key }: ChartSeries) =>
    lines.find(({ run, metric }) => seriesKey(run, metric.key) === key);
  return {
    short: (series) => shortText(lineOf(series)),
    sentence: (series) => sentence(series.label, lineOf(series)),
    latest: (series) => {
      const metric = lineOf(series)?.metric;
      return metric === undefined || metric.count === 0 ? "" : formatReading(metric.last);
    },
  };
}

function shortText(line: PlannedLine | undefined): string {
  if (line === undefined || line.metric.count === 0) return "no values";
  const { last, lowest, highest } = line.metric;
  const parts = [`latest ${formatReading(last)}`];
  if (lowest !== undefined && highest !== undefined && lowest.value !== highest.value) {
    parts.push(`low ${formatReading(lowest.value)}`, `high ${formatReading(highest.value)}`);
  }
  return parts.join(" · ");
}

function sentence(label: string, line: PlannedLine | undefined): string {
  if (line === undefined || line.metric.count === 0) return `${label}: no values.`;
  const { count, firstStep, lastStep, last, lowest, highest } = line.metric;
  const at = ({ value, step }: { readonly value: number; readonly step: number }) =>
    `${formatReading(value)} at step ${formatCount(step)}`;
  const parts = [
    `${plural(count, "value")} from step ${formatCount(firstStep)} to ${formatCount(lastStep)}`,
    `latest ${formatReading(last)}`,
  ];
  if (lowest !== undefined) parts.push(`lowest ${at(lowest)}`);
  if (highest !== undefined) parts.push(`highest ${at(highest)}`);
  return `${label}: ${parts.join("; ")}.`;
}

/** What the chart does not show and why, so that nobody takes a gap for a missing log. */
export function leftOutMetricNotes(
  { lines }: ChartPlan,
  logarithmic: boolean,
  sampled: readonly (SampledLine | undefined)[] | undefined,
): string[] {
  return lines.flatMap(({ label, metric: { notFinite, notPositive } }, index) => {
    const notes: string[] = [];
    if (notFinite > 0) {
      const gaps = notFinite === 1 ? "a gap" : "gaps";
      notes.push(`${label}: ${plural(notFinite, "value")} NaN or infinite, ${gaps} marked ×`);
    }
    if (logarithmic && notPositive > 0) {
      const values = plural(notPositive, "value");
      notes.push(`${label}: ${values} not above zero, left out of the logarithmic axis`);
    }
    const omitted = sampled?.[index]?.omitted ?? 0;
    if (omitted > 0)
      notes.push(`${label}: ${plural(omitted, "value")} whose place on this axis no log tells`);
    if (sampled !== undefined && sampled[index] === undefined)
      notes.push(`${label}: its log does not know this axis`);
    return notes;
  });
}
