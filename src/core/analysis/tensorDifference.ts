import { addDifferenceSums, type DifferenceSums } from "./differenceSums";
import { type CodeCounts, mergeCounts } from "./numberKernels";
import type { ValueHistogram } from "./tensorNumbers";
import { bucketHistogram, histogramBins } from "./valueHistogram";

/** How two tensors of as many elements differ, value by value: b - a. Plain data. */
export interface TensorDifference {
  readonly elements: number;
  /** Pairs of two finite values. The numbers below are of these; where there is none, they are NaN. */
  readonly compared: number;
  readonly maxAbs: number;
  readonly meanAbs: number;
  /** ‖b - a‖ / ‖a‖; Infinity where a is all zero and b is not, 0 where both are. */
  readonly relativeL2: number;
  /** ⟨a, b⟩ / (‖a‖ ‖b‖); NaN where one is all zero. */
  readonly cosine: number;
  /** ‖a‖ and ‖b - a‖: what the numbers of many tensors together are made of. */
  readonly normA: number;
  readonly normDifference: number;
  /** Of all elements, how many have another value. Two NaN are the same value, 0 and -0 are too. */
  readonly changedShare: number;
  /** Pairs of which one value is NaN or infinite and the other is not, or is another infinity. */
  readonly nanMismatches: number;
  /** Of b - a, of the pairs compared. */
  readonly histogram?: ValueHistogram;
}

/** What is known of some of the pairs: parts can be put together. */
export interface PartialDifference {
  readonly sums: DifferenceSums;
  /** Upper bits of the differences. */
  readonly counts: CodeCounts;
  readonly codeBits: 16 | 20;
}

export function mergeDifference(a: PartialDifference, b: PartialDifference): PartialDifference {
  return {
    sums: addDifferenceSums(a.sums, b.sums),
    counts: mergeCounts(a.counts, b.counts),
    codeBits: a.codeBits,
  };
}

export function finishDifference({ sums, counts, codeBits }: PartialDifference): TensorDifference {
  const { elements, compared, changed, mismatches, min, max } = sums;
  const none = compared === 0;
  // 0 - 0 may be -0, and stands for no change all the same.
  const least = min + 0;
  const normA = none ? Number.NaN : Math.sqrt(sums.squaresOfA);
  const normDifference = none ? Number.NaN : Math.sqrt(sums.squares);
  return {
    elements,
    compared,
    maxAbs: none ? Number.NaN : Math.max(Math.abs(min), Math.abs(max)),
    meanAbs: sums.absolute / compared,
    relativeL2: ratio(normDifference, normA),
    cosine: cosineOf(sums),
    normA,
    normDifference,
    changedShare: elements === 0 ? 0 : changed / elements,
    nanMismatches: mismatches,
    ...(none
      ? {}
      : {
          histogram: bucketHistogram(counts, codeBits, { min: least, max, count: compared }, histogramBins),
        }),
  };
}

function ratio(part: number, whole: number): number {
  return part === 0 ? 0 : part / whole;
}

/** Rounding can lead a little beyond 1, and of equal tensors a little below. */
function cosineOf({ product, squares, squaresOfA, squaresOfB }: DifferenceSums): number {
  const norms = Math.sqrt(squaresOfA) * Math.sqrt(squaresOfB);
  if (squares === 0 && norms > 0 && squaresOfA === squaresOfB) return 1;
  return norms === 0 ? Number.NaN : Math.min(1, Math.max(-1, product / norms));
}

/** Counts of the upper 20 bits of differences; empty between two calls. */
let table: Float64Array | undefined;

/**
 * How two tensors of codes of 8 bits differ, by how often each pair of codes is there: there are so few that their counts
 * tell everything.
 * @param pairs codes of 16 bits, that of `a` in the low ones.
 */
export function differenceOfBytePairs(
  pairs: CodeCounts,
  valuesA: Float64Array,
  valuesB: Float64Array,
): PartialDifference {
  table ??= new Float64Array(2 ** 20);
  const bits = new DataView(new ArrayBuffer(8));
  const found: number[] = [];
  let [elements, compared, changed, mismatches] = [0, 0, 0, 0];
  let [absolute, squares, squaresOfA, squaresOfB, product] = [0, 0, 0, 0, 0];
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  for (let at = 0; at < pairs.codes.length; at++) {
    const pair = pairs.codes[at] as number;
    const count = pairs.counts[at] as number;
    const left = valuesA[pair & 255] as number;
    const right = valuesB[pair >>> 8] as number;
    elements += count;
    if (left - left !== 0 || right - right !== 0) {
      if (left === right || (Number.isNaN(left) && Number.isNaN(right))) continue;
      changed += count;
      mismatches += count;
      continue;
    }
    const difference = right - left;
    bits.setFloat64(0, difference);
    const code = bits.getUint32(0) >>> 12;
    if (table[code] === 0) found.push(code);
    table[code] = (table[code] as number) + count;
    compared += count;
    if (difference !== 0) changed += count;
    if (difference < min) min = difference;
    if (difference > max) max = difference;
    absolute += count * Math.abs(difference);
    squares += count * difference * difference;
    squaresOfA += count * left * left;
    squaresOfB += count * right * right;
    product += count * left * right;
  }
  const codes = Uint32Array.from(found).sort();
  const counts = Float64Array.from(codes, (code) => table?.[code] as number);
  for (const code of codes) table[code] = 0;
  const sums: DifferenceSums = {
    ...{ elements, compared, changed, mismatches, min, max },
    ...{ absolute, squares, squaresOfA, squaresOfB, product },
  };
  return { sums, counts: { codes, counts }, codeBits: 20 };
}
