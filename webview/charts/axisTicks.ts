import { formatNumber } from "../../src/core/text/quantities";
import type { ChartRange } from "./chartSeries";

/** Round numbers (1, 2 or 5 times a power of ten apart) between min and max, at most about `count`. */
export function linearTicks({ min, max }: ChartRange, count: number, integers = false): number[] {
  const span = max - min;
  if (!(span > 0) || !Number.isFinite(span)) return [min];
  const rough = span / Math.max(1, count);
  const magnitude = 10 ** Math.floor(Math.log10(rough));
  const factors = [1, 2, 5, 10];
  const fitting = factors.findIndex((each) => each * magnitude >= rough * (1 - 1e-9));
  let step = 0;
  let first = 0;
  let last = 0;
  // One label alone gives no scale: then a finer step, which may be one label too many.
  for (let at = fitting < 0 ? factors.length - 1 : fitting; at >= 0; at--) {
    const wanted = (factors[at] ?? 1) * magnitude;
    step = integers ? Math.max(1, wanted) : wanted;
    first = Math.ceil(min / step - 1e-9);
    last = Math.floor(max / step + 1e-9);
    if (last > first || count < 2) break;
  }
  // Multiplying instead of adding up keeps 0.3 from becoming 0.30000000000000004.
  const digits = Math.max(0, Math.ceil(-Math.log10(step)) + 1);
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => {
    const value = (first + index) * step;
    return digits > 15 ? value : Number(value.toFixed(digits));
  });
}

const logMantissas: readonly (readonly number[])[] = [
  [1, 2, 3, 4, 5, 6, 7, 8, 9],
  [1, 2, 3, 5, 7],
  [1, 2, 5],
  [1, 3],
  [1],
];

/** Ticks of a logarithmic axis: as many of each decade as fit, then whole decades, then every n-th decade. */
export function logTicks({ min, max }: ChartRange, count: number): number[] {
  if (!(min > 0) || !(max > min)) return [];
  const firstDecade = Math.floor(Math.log10(min) + 1e-9);
  const lastDecade = Math.floor(Math.log10(max) + 1e-9);
  for (const mantissas of logMantissas) {
    const ticks: number[] = [];
    for (let decade = firstDecade; decade <= lastDecade; decade++) {
      for (const mantissa of mantissas) {
        const value = Number(`${mantissa}e${decade}`);
        if (value >= min * (1 - 1e-9) && value <= max * (1 + 1e-9)) ticks.push(value);
      }
    }
    if (ticks.length <= count) {
      // Within a fraction of a decade even all nine are too few: there a linear division reads better.
      return ticks.length < 3 && count >= 3 && max / min < 10 ? linearTicks({ min, max }, count) : ticks;
    }
  }
  const every = Math.ceil((lastDecade - firstDecade + 1) / Math.max(1, count));
  const decades: number[] = [];
  for (let decade = firstDecade; decade <= lastDecade; decade++) {
    if (decade % every === 0 && 10 ** decade >= min * (1 - 1e-9)) decades.push(Number(`1e${decade}`));
  }
  return decades;
}

/**
 * The labels of one axis in one notation: `0.001` beside `8e-4` makes a reader compare the wrong digits.
 * Decimals follow from the distance of the ticks.
 */
export function axisLabels(ticks: readonly number[]): string[] {
  const largest = Math.max(...ticks.map(Math.abs));
  if (largest === 0 || !Number.isFinite(largest)) return ticks.map((tick) => formatNumber(tick));
  const step = smallestStep(ticks);
  if (largest >= 1e6 || largest < 1e-2) {
    const exponent = Math.floor(Math.log10(largest) + 1e-9);
    const unit = 10 ** exponent;
    const decimals = decimalsFor(step / unit);
    return ticks.map((tick) => (tick === 0 ? "0" : `${(tick / unit).toFixed(decimals)}e${exponent}`));
  }
  const decimals = decimalsFor(step);
  return ticks.map((tick) =>
    tick.toLocaleString("en", { minimumFractionDigits: decimals, maximumFractionDigits: decimals }),
  );
}

/** A logarithmic axis spans magnitudes, so each of its labels has the notation that suits it. */
export function logAxisLabels(ticks: readonly number[]): string[] {
  return ticks.map((tick) => formatNumber(tick, 3));
}

function smallestStep(ticks: readonly number[]): number {
  let step = Number.POSITIVE_INFINITY;
  for (let index = 1; index < ticks.length; index++) {
    const distance = Math.abs((ticks[index] ?? 0) - (ticks[index - 1] ?? 0));
    if (distance > 0) step = Math.min(step, distance);
  }
  return Number.isFinite(step) ? step : Math.abs(ticks[0] ?? 1);
}

function decimalsFor(step: number): number {
  for (let decimals = 0; decimals < 10; decimals++) {
    const scaled = step * 10 ** decimals;
    if (Math.abs(scaled - Math.round(scaled)) < 1e-6 * Math.max(1, scaled)) return decimals;
  }
  return 10;
}

/** A step as a person writes it; epochs and other fractions with as many digits as they have meaning. */
export function formatPosition(x: number): string {
  return Number.isInteger(x) ? x.toLocaleString("en") : formatNumber(x, 4);
}
