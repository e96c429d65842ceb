import { plural } from "../../src/core/text/quantities";
import type { ChartSeries } from "./chartSeries";
import { countLeftOut } from "./plot/plotPoints";

/** What a line says in a few numbers, for the title and for who does not see the chart. */
export interface SeriesSummary {
  readonly count: number;
  readonly first: number | undefined;
  readonly last: number | undefined;
  /** The last value as it is, NaN included. */
  readonly latest: number | undefined;
  readonly lowest: SummaryPoint | undefined;
  readonly highest: SummaryPoint | undefined;
}

export interface SummaryPoint {
  readonly x: number;
  readonly value: number;
}

export interface Formats {
  readonly xLabel: string;
  readonly formatX: (x: number) => string;
  readonly formatY: (value: number) => string;
}

export function summarise({ x, y }: ChartSeries): SeriesSummary {
  let lowest: SummaryPoint | undefined;
  let highest: SummaryPoint | undefined;
  y.forEach((value, index) => {
    if (!Number.isFinite(value)) return;
    const at = x[index] ?? Number.NaN;
    if (lowest === undefined || value < lowest.value) lowest = { x: at, value };
    if (highest === undefined || value > highest.value) highest = { x: at, value };
  });
  return { count: y.length, first: x[0], last: x[x.length - 1], latest: y[y.length - 1], lowest, highest };
}

/** Beside the title: "1.024 · low 0.981 · high 3.42". */
export function shortSummary(series: ChartSeries, { formatY }: Formats): string {
  const { latest, lowest, highest } = summarise(series);
  if (latest === undefined) return "no values";
  const parts = [`latest ${formatY(latest)}`];
  if (lowest !== undefined && highest !== undefined && lowest.value !== highest.value) {
    parts.push(`low ${formatY(lowest.value)}`, `high ${formatY(highest.value)}`);
  }
  return parts.join(" · ");
}

export function summarySentence(series: ChartSeries, { xLabel, formatX, formatY }: Formats): string {
  const { count, first, last, latest, lowest, highest } = summarise(series);
  if (first === undefined || last === undefined || latest === undefined) return `${series.label}: no values.`;
  const position = xLabel.toLowerCase();
  const at = (point: SummaryPoint) => `${formatY(point.value)} at ${position} ${formatX(point.x)}`;
  const parts = [
    `${plural(count, "value")} from ${position} ${formatX(first)} to ${formatX(last)}`,
    `latest ${formatY(latest)}`,
  ];
  if (lowest !== undefined) parts.push(`lowest ${at(lowest)}`);
  if (highest !== undefined) parts.push(`highest ${at(highest)}`);
  return `${series.label}: ${parts.join("; ")}.`;
}

/** What the chart does not show and why, so that nobody takes a gap for a missing log. */
export function leftOutNotes(series: readonly ChartSeries[], logarithmic: boolean): string[] {
  return series.flatMap(({ label, y }) => {
    const { notFinite, notPositive } = countLeftOut(y);
    const notes: string[] = [];
    if (notFinite > 0) {
      const values = plural(notFinite, "value");
      notes.push(`${label}: ${values} NaN or infinite, ${notFinite === 1 ? "a gap" : "gaps"} marked ×`);
    }
    if (logarithmic && notPositive > 0) {
      notes.push(
        `${label}: ${plural(notPositive, "value")} not above zero, left out of the logarithmic axis`,
      );
    }
    return notes;
  });
}
