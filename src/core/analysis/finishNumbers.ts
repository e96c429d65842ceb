import type { CodeTable, NumberEncoding } from "./numberEncoding";
import { type CodeCounts, type Moments, noMoments } from "./numberKernels";
import { statisticsOf } from "./statisticColumns";
import type { PartialNumbers } from "./tensorMeasurer";
import type { Quantile, TensorNumbers } from "./tensorNumbers";
import { bucketHistogram, histogramBins, type ValueCounts, valueHistogram } from "./valueHistogram";

/** Shares that quantiles are given for: the tails, the quartiles and the median. */
export const quantileShares: readonly number[] = [0.001, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 0.999];

/** What the measured parts of a tensor, merged, tell of it. */
export function finishNumbers(partial: PartialNumbers, encoding: NumberEncoding): TensorNumbers {
  const { counts, moments, histogram } = partial;
  if (encoding.codes !== undefined) return numbersOfCodes(counts, encoding.codes);
  if (moments === undefined) throw new RangeError("Values that are no codes need their moments.");
  const statistics = statisticsOf(moments);
  if (moments.count === 0) return { statistics };
  if (histogram !== undefined) return { statistics, histogram };
  const bits = ["f32", "blocks", "pairs"].includes(encoding.method) ? 16 : 20;
  return { statistics, histogram: bucketHistogram(counts, bits, moments, histogramBins) };
}

function numbersOfCodes(codeCounts: CodeCounts, table: CodeTable): TensorNumbers {
  const { finite, nan, inf } = sortByValue(codeCounts, table);
  if (finite.total === 0) return { statistics: statisticsOf({ ...noMoments, nan, inf }) };
  return {
    statistics: statisticsOf({ ...momentsOf(finite), nan, inf }),
    histogram: valueHistogram(finite, histogramBins),
    quantiles: quantilesOf(finite),
  };
}

function sortByValue({ codes, counts }: CodeCounts, { values: valueOfCode, order }: CodeTable) {
  const values = new Float64Array(codes.length);
  const sorted = new Float64Array(codes.length);
  let [used, total, nan, inf, isAscending] = [0, 0, 0, 0, true];
  const add = (at: number) => {
    const value = valueOfCode[codes[at] as number] as number;
    const count = counts[at] as number;
    if (Number.isNaN(value)) nan += count;
    else if (!Number.isFinite(value)) inf += count;
    else {
      isAscending &&= used === 0 || value >= (values[used - 1] as number);
      values[used] = value;
      sorted[used++] = count;
      total += count;
    }
  };
  const half = valueOfCode.length / 2;
  let firstUpper = codes.length;
  if (order !== "unsigned") {
    firstUpper = codes.findIndex((code) => code >= half);
    if (firstUpper < 0) firstUpper = codes.length;
    if (order === "twos-complement") for (let at = firstUpper; at < codes.length; at++) add(at);
    else for (let at = codes.length - 1; at >= firstUpper; at--) add(at);
  }
  for (let at = 0; at < firstUpper; at++) add(at);
  const found = { values: values.subarray(0, used), counts: sorted.subarray(0, used), total };
  // Only where a file says that a quantised tensor has a negative scale.
  return { finite: isAscending ? found : sortedByValue(found), nan, inf };
}

function sortedByValue({ values, counts, total }: ValueCounts): ValueCounts {
  const at = [...values.keys()].sort((a, b) => (values[a] as number) - (values[b] as number));
  return {
    values: Float64Array.from(at, (index) => values[index] as number),
    counts: Float64Array.from(at, (index) => counts[index] as number),
    total,
  };
}

function momentsOf({ values, counts, total }: ValueCounts): Omit<Moments, "nan" | "inf"> {
  const mean = weightedSum(values, counts, (value) => value) / total;
  const squares = weightedSum(values, counts, (value) => (value - mean) ** 2);
  let zeros = 0;
  for (const [at, value] of values.entries()) if (value === 0) zeros += counts[at] as number;
  const [min, max] = [values[0] as number, values[values.length - 1] as number];
  return { count: total, mean, squares, min, max, zeros };
}

/** Compensated (Neumaier 1974): as exact as the sum itself can be told. */
function weightedSum(values: Float64Array, counts: Float64Array, of: (value: number) => number): number {
  let [sum, lost] = [0, 0];
  for (let at = 0; at < values.length; at++) {
    const term = of(values[at] as number) * (counts[at] as number);
    const next = sum + term;
    lost += Math.abs(sum) >= Math.abs(term) ? sum - next + term : term - next + sum;
    sum = next;
  }
  return sum + lost;
}

/** For each share the least value that so many are not above. */
function quantilesOf({ values, counts, total }: ValueCounts): Quantile[] {
  let [at, below] = [0, 0];
  return quantileShares.map((share) => {
    while (at + 1 < values.length && below + (counts[at] as number) < share * total) {
      below += counts[at++] as number;
    }
    return { share, value: values[at] as number };
  });
}
