import type { CompareMetric, CompareView } from "../../src/core/compare/compareView";
import type { MetricWidth } from "./columnWidths";
import { decimalsOf } from "./compareFormat";
import { formatMetric, type ModuleLine, metricInfos, metricOf, moduleLines } from "./compareMetrics";

/** Of a digit in the tables of the comparison, in pixels. */
const digitPx = 7.5;
const cellPaddingPx = 26;

/** What a number of so many characters takes in a table, in pixels. */
export function numberWidth(characters: number): number {
  return Math.ceil(characters * digitPx) + cellPaddingPx;
}

/** No number is cut: a metric is as wide as its longest number with the digits that line its point up. */
export function metricWidths(view: CompareView, metrics: readonly CompareMetric[]): MetricWidth {
  const lines = moduleLines(view);
  const decimals = mostDecimals(view, lines, metrics);
  const widths = new Map<CompareMetric, number>();
  for (const metric of metrics) {
    let longest = 0;
    for (const line of lines) {
      for (let at = 0; at < view.columns.length; at++) {
        const value = metricOf(view, line, at, metric);
        if (value === undefined) continue;
        const text = formatMetric(metric, value);
        longest = Math.max(
          longest,
          text.length + Math.max(0, (decimals.get(metric) ?? 0) - decimalsOf(text)),
        );
      }
    }
    widths.set(metric, Math.max(metricInfos[metric].width, numberWidth(longest)));
  }
  return (metric) => widths.get(metric) ?? metricInfos[metric].width;
}

/** More would push the other numbers of a column too far from its edge. */
const mostAlignedDecimals = 5;

/** The most digits after the point of each metric: the smallest numbers have them. */
export function mostDecimals(
  view: CompareView,
  rows: readonly ModuleLine[],
  metrics: readonly CompareMetric[],
): ReadonlyMap<CompareMetric, number> {
  const decimals = new Map<CompareMetric, number>();
  for (const metric of metrics) {
    let smallest = Number.POSITIVE_INFINITY;
    for (const row of rows) {
      for (let at = 0; at < view.columns.length; at++) {
        const size = Math.abs(metricOf(view, row, at, metric) ?? 0);
        if (size > 0 && size < smallest) smallest = size;
      }
    }
    if (smallest < Number.POSITIVE_INFINITY)
      decimals.set(metric, Math.min(mostAlignedDecimals, decimalsOf(formatMetric(metric, smallest))));
  }
  return decimals;
}
