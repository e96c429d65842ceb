import { type Signal, signal } from "@preact/signals";
import type { ChartRange } from "./chartSeries";

/** Where the reader looks. Charts that share one zoom together and show their cursor at the same moment. */
export interface ChartView {
  /** Undefined while everything is in sight. */
  readonly range: Signal<ChartRange | undefined>;
  readonly cursor: Signal<ChartCursor | undefined>;
}

export interface ChartCursor {
  readonly x: number;
  /** The chart under the pointer or with the focus: it alone shows the values. */
  readonly chart: string;
}

export function createChartView(): ChartView {
  return { range: signal(undefined), cursor: signal(undefined) };
}

/** The part of `domain` that is in sight; a range that fell out of it (other x, new data) shows everything. */
export function visibleRange(view: ChartView, domain: ChartRange): ChartRange {
  const range = view.range.value;
  if (range === undefined) return domain;
  const min = Math.max(domain.min, range.min);
  const max = Math.min(domain.max, range.max);
  return min < max ? { min, max } : domain;
}

/** Keeps a range that covers everything as "no zoom", so that new points come into sight by themselves. */
export function setRange(view: ChartView, domain: ChartRange, range: ChartRange): void {
  const slack = (domain.max - domain.min) * 1e-6;
  const whole = range.min <= domain.min + slack && range.max >= domain.max - slack;
  view.range.value = whole ? undefined : range;
}

/** `factor` below 1 comes nearer. Stays around `center` and within the domain. */
export function zoomBy(
  view: ChartView,
  domain: ChartRange,
  factor: number,
  center: number | undefined,
): void {
  const range = visibleRange(view, domain);
  const span = Math.min(domain.max - domain.min, (range.max - range.min) * factor);
  const around =
    center !== undefined && center >= range.min && center <= range.max ? center : (range.min + range.max) / 2;
  const share = (around - range.min) / (range.max - range.min || 1);
  moveTo(view, domain, around - span * share, span);
}

/** Moves by a share of what is in sight, to the right when positive. */
export function panBy(view: ChartView, domain: ChartRange, share: number): void {
  const range = visibleRange(view, domain);
  const span = range.max - range.min;
  moveTo(view, domain, range.min + span * share, span);
}

/** Brings a position into sight without changing the zoom. */
export function reveal(view: ChartView, domain: ChartRange, x: number): void {
  const range = visibleRange(view, domain);
  if (x >= range.min && x <= range.max) return;
  const span = range.max - range.min;
  moveTo(view, domain, x - span / 2, span);
}

function moveTo(view: ChartView, domain: ChartRange, min: number, span: number): void {
  const start = Math.max(domain.min, Math.min(min, domain.max - span));
  setRange(view, domain, { min: start, max: start + span });
}
