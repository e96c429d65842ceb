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
