import { formatNumber } from "./quantities";

const largestPlain = 1e12;
const smallestPlain = 1e-3;
const maxDecimals = 8;

/**
 * How to write the numbers of one column so that their points stand under each other: all with as many decimals as
 * give the largest of them `digits` significant digits, or all in scientific notation where that would be mostly
 * zeros. NaN and infinities by name, which have no point.
 * @param lowest and highest: of the finite values; NaN where there is none.
 */
export function columnFormat(lowest: number, highest: number, digits = 5): (value: number) => string {
  const largest = Math.max(Math.abs(lowest), Math.abs(highest));
  if (!Number.isFinite(largest) || largest === 0) return (value) => formatNumber(value, digits);
  if (largest < smallestPlain || largest >= largestPlain) {
    return (value) =>
      Number.isFinite(value) && value !== 0
        ? value.toExponential(Math.max(0, digits - 2)).replace("e+", "e")
        : formatNumber(value);
  }
  const decimals = Math.min(maxDecimals, Math.max(0, digits - 1 - Math.floor(Math.log10(largest))));
  const smallest = 10 ** -decimals / 2;
  return (value) => {
    // What would be rounded to nothing is said to be something.
    if (!Number.isFinite(value) || (value !== 0 && Math.abs(value) < smallest)) return formatNumber(value, 2);
    return value.toLocaleString("en", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
  };
}

/** For numbers that are all at hand. */
export function formatOf(values: Iterable<number>, digits = 5): (value: number) => string {
  let lowest = Number.POSITIVE_INFINITY;
  let highest = Number.NEGATIVE_INFINITY;
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    lowest = Math.min(lowest, value);
    highest = Math.max(highest, value);
  }
  return columnFormat(lowest, highest, digits);
}

/** With as few decimals as write all of the values exactly, at most `maxDecimals`: 0.5, 1.0, 1.5. */
export function shortestFormat(values: readonly number[], maxDecimals = 3): (value: number) => string {
  let decimals = 0;
  const isExact = (value: number) =>
    Math.abs(value * 10 ** decimals - Math.round(value * 10 ** decimals)) < 1e-6;
  while (decimals < maxDecimals && !values.filter(Number.isFinite).every(isExact)) decimals++;
  return (value) =>
    Number.isFinite(value)
      ? value.toLocaleString("en", { minimumFractionDigits: decimals, maximumFractionDigits: decimals })
      : formatNumber(value);
}
