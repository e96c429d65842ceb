import { formatNumber } from "../text/quantities";

/** The least, the median and the largest of some numbers of experts; undefined without any. */
export interface ExpertSpread {
  readonly least: number;
  readonly median: number;
  readonly largest: number;
}

export function expertSpread(values: readonly number[]): ExpertSpread | undefined {
  const sorted = [...values].sort((a, b) => a - b);
  const [least] = sorted;
  const largest = sorted.at(-1);
  if (least === undefined || largest === undefined) return undefined;
  const middle = sorted.length / 2;
  const median = ((sorted[Math.ceil(middle) - 1] ?? least) + (sorted[Math.floor(middle)] ?? largest)) / 2;
  return { least, median, largest };
}

/** "0.12…0.2…0.31": least, median and largest. */
export function spreadText({ least, median, largest }: ExpertSpread): string {
  return [least, median, largest].map((value) => formatNumber(value)).join("…");
}
