import type { Moments } from "./numberKernels";

/** One number that is told of every tensor: where it is shown, how it is called, how it follows from what is counted. */
export interface StatisticColumn {
  readonly id: string;
  /** Heads its column. */
  readonly title: string;
  /** What it is, for who points at the title. */
  readonly help: string;
  /** A count is a whole number, 0 where there are no values; a value is NaN then. */
  readonly kind: "value" | "count";
  /** Of the finite values; `nan` and `inf` count the others. */
  readonly of: (moments: Moments) => number;
}

/**
 * Every statistic of a tensor, in the order in which they are packed, exported and printed. The table of a scan, CSV,
 * JSON, sorting and the command line read this list.
 */
export const statisticColumns = [
  { id: "min", title: "Min", help: "Least finite value", kind: "value", of: ({ min }) => min },
  { id: "max", title: "Max", help: "Largest finite value", kind: "value", of: ({ max }) => max },
  { id: "mean", title: "Mean", help: "Mean of the finite values", kind: "value", of: ({ mean }) => mean },
  {
    id: "std",
    title: "Std",
    help: "Standard deviation of the finite values",
    kind: "value",
    of: ({ squares, count }) => Math.sqrt(squares / count),
  },
  {
    id: "absMax",
    title: "Abs max",
    help: "Largest magnitude of the finite values",
    kind: "value",
    of: ({ min, max }) => Math.max(Math.abs(min), Math.abs(max)),
  },
  {
    id: "l2",
    title: "L2",
    help: "√Σx² of the finite values",
    kind: "value",
    of: ({ squares, count, mean }) => Math.sqrt(squares + count * mean * mean),
  },
  {
    id: "zeros",
    title: "Zeros",
    help: "Values that are exactly zero",
    kind: "count",
    of: ({ zeros }) => zeros,
  },
  { id: "nan", title: "NaN", help: "Values that are not a number", kind: "count", of: ({ nan }) => nan },
  { id: "inf", title: "Inf", help: "Infinite values", kind: "count", of: ({ inf }) => inf },
] as const satisfies readonly StatisticColumn[];

export type StatisticId = (typeof statisticColumns)[number]["id"];

/** Over the finite values of a tensor; where there is none, the numbers but the counts are NaN. */
export type TensorStatistics = Readonly<Record<StatisticId, number>>;

/** The statistics that `numberOf` gives. */
export function statisticsFrom(
  numberOf: (column: (typeof statisticColumns)[number]) => number,
): TensorStatistics {
  return Object.fromEntries(
    statisticColumns.map((column) => [column.id, numberOf(column)]),
  ) as TensorStatistics;
}

export function statisticsOf(moments: Moments): TensorStatistics {
  const { count, nan, inf } = moments;
  if (count > 0) return statisticsFrom(({ of }) => of(moments));
  const none = { ...moments, zeros: 0, nan, inf };
  return statisticsFrom(({ kind, of }) => (kind === "count" ? of(none) : Number.NaN));
}

export interface CountedStatistics {
  readonly statistics: TensorStatistics;
  /** Values of the tensor, finite or not. */
  readonly count: number;
}

/**
 * The statistics of all values of several tensors, as if they were one; exact but for rounding. Those of a tensor
 * without finite values are counts alone.
 */
export function joinStatistics(parts: readonly CountedStatistics[]): TensorStatistics {
  const finite = parts
    .map(({ statistics, count }) => ({ ...statistics, count: count - statistics.nan - statistics.inf }))
    .filter(({ count }) => count > 0);
  const count = sum(finite, (part) => part.count);
  const mean = sum(finite, (part) => part.count * part.mean) / count;
  // Around the common mean: the difference of two large sums would lose the digits of a small deviation.
  const squares = sum(finite, (part) => part.count * (part.std ** 2 + (part.mean - mean) ** 2));
  const of: TensorStatistics = {
    min: finite.reduce((least, { min }) => Math.min(least, min), Number.POSITIVE_INFINITY),
    max: finite.reduce((most, { max }) => Math.max(most, max), Number.NEGATIVE_INFINITY),
    mean,
    std: Math.sqrt(squares / count),
    absMax: finite.reduce((most, { absMax }) => Math.max(most, absMax), 0),
    l2: Math.sqrt(sum(finite, ({ l2 }) => l2 ** 2)),
    zeros: sum(parts, ({ statistics }) => statistics.zeros),
    nan: sum(parts, ({ statistics }) => statistics.nan),
    inf: sum(parts, ({ statistics }) => statistics.inf),
  };
  if (count > 0) return of;
  return statisticsFrom(({ id, kind }) => (kind === "count" ? of[id] : Number.NaN));
}

function sum<T>(parts: readonly T[], of: (part: T) => number): number {
  return parts.reduce((total, part) => total + of(part), 0);
}
