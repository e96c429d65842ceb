import type { CodeKind } from "../tensors/packed/codeCells";
import type { DifferenceSums } from "./differenceSums";

/**
 * The loops that go over every value of a tensor. There are two implementations, which the tests hold against each
 * other: plainKernels.ts, which runs everywhere, and a WebAssembly one with SIMD in src/kernels.
 */
export interface NumberKernels {
  /** Where the bytes are put that the kernels read: little-endian, from the start on. Read into it directly. */
  readonly chunk: Uint8Array<ArrayBuffer>;
  /** Counts each of the first `length` bytes of the chunk. */
  countBytes(length: number): void;
  /** Counts each 16-bit code among the first `length` bytes of the chunk. */
  countWords(length: number): void;
  /** Moments of the first `count` F32 values of the chunk; counts the upper 16 bits of each. */
  measureF32(count: number): Moments;
  /** Moments of the first `count` F64 values of the chunk; counts the upper 20 bits of each. */
  measureF64(count: number): Moments;
  /**
   * Moments of the values of the first `blocks` blocks of a type of ggml (ggmlBlocks.ts) in the chunk, which holds them
   * afterwards; counts the upper 16 bits of each value, as F32. Mean and squares may be those of values that were not yet
   * rounded to F32; what is counted may be off by a 128th of a value, or of 4 bits with a
   * base by three quarters of a step, as runs are counted together whose scales are nearly the same.
   */
  measureBlocks(dtype: string, blocks: number): Moments;
  /**
   * Moments of the values of runs of 64 codes of 4 bits: each has 32 bytes in the chunk and a scale of F32 in
   * the other chunk. A value is its code's level times that. Counts and rounds as measureBlocks.
   */
  measureRuns(levels: Float32Array, runs: number): Moments;
  /**
   * Counts pairs of a scale's byte and a byte of two codes, of blocks of 16 such bytes: the scale comes first in each
   * block, or lies in the other chunk where they are `apart`, and blocks may have 8 bytes. They are taken as codes of 20
   * bits, see pairCounts.ts.
   */
  countPairs(blocks: number, apart: boolean, blockBytes?: PairBytes): void;
  /**
   * Moments of the values of cells of codes in the chunk; counts the upper 16 bits of each value, as F32. In the
   * other chunk lie their scales, and in its second quarter their offsets.
   * @param bands of codes of a byte; without it no cells share their numbers.
   */
  measureCells(kind: CodeKind, cells: number, bands?: CellBands): Moments;
  /**
   * Makes the values of cells of codes in the chunk, of F32. In the other chunk lie their scales, in its second quarter
   * their offsets, in its second half the codes.
   */
  expandCodes(kind: CodeKind, cells: number): void;
  /** Where the second of two tensors is put that are compared. */
  readonly otherChunk: Uint8Array<ArrayBuffer>;
  /**
   * Compares the first `count` values of both chunks, of one type. Differences of floats of up to 32 bits are rounded to
   * F32, if they are finite then, and their upper 16 bits are counted; of the others 20 as F64.
   */
  compare(type: ComparedType, count: number): DifferenceSums;
  /** The same of F32 and halves, each as they are stored. */
  compareMixed(types: MixedTypes, count: number): DifferenceSums;
  /**
   * The same of 64-bit integers, whose differences are those of the integers themselves: exact up to 2⁵³, and rounded
   * once beyond. Counted as F64.
   */
  compareLongs(types: readonly [LongType, LongType], count: number): DifferenceSums;
  /** Makes the first `count` values of a chunk wider, in its place; those of `I64` and `U64` are rounded to the nearest. */
  widen(type: WidenedType, chunk: "chunk" | "otherChunk", count: number): void;
  /** Counts pairs of a byte of each chunk as codes of 16 bits, the first in the low ones. */
  countBytePairs(count: number): void;
  /** What was counted since it was last taken, as codes of so many bits. */
  takeCounts(codeBits: CodeBits): CodeCounts;
}

/** So many rows, one below the other, have the same numbers for their cells, each row the same number of cells. */
export interface CellBands {
  readonly rows: number;
  readonly perRow: number;
}

/** Bytes of two codes that share a scale. */
export type PairBytes = 8 | 16;

/** The types that are compared as they are; others are made wider first, or decoded. */
export type ComparedType = "F32" | "BF16" | "F16" | "F64" | "I16" | "U16";

/** How differences of a type are counted. */
export function countedBits(type: ComparedType): 16 | 20 {
  return type === "F32" || type === "BF16" || type === "F16" ? 16 : 20;
}

/** Types of two sides of which one is made wider where it is compared. */
export type MixedTypes = readonly ["F32", "F16" | "BF16"] | readonly ["F16" | "BF16", "F32"];

/** Integers of which a double holds no more than 53 bits. */
export type LongType = "I64" | "U64";

/** Types whose values a kernel makes wider, to those that it measures and compares. */
export const widerTypes = {
  ...({ BF16: "F32", F16: "F32", F32: "F64", I16: "F64", U16: "F64" } as const),
  ...({ I32: "F64", U32: "F64", I64: "F64", U64: "F64" } as const),
} as const;

export type WidenedType = keyof typeof widerTypes;

/** Bytes, 16-bit codes or the upper halves of F32, the upper 20 bits of F64. */
export type CodeBits = 8 | 16 | 20;

/** How often each code was there, in ascending order of the codes; those that were not there are left out. */
export interface CodeCounts {
  readonly codes: Uint32Array;
  readonly counts: Float64Array;
}

/** Of the finite values of a chunk, unless it is said otherwise. */
export interface Moments {
  readonly count: number;
  readonly mean: number;
  /** Σ(x - mean)² */
  readonly squares: number;
  /** Infinity where there is no value. */
  readonly min: number;
  /** -Infinity where there is no value. */
  readonly max: number;
  readonly zeros: number;
  /** Among all values. */
  readonly nan: number;
  /** Among all values, of either sign. */
  readonly inf: number;
}

export const noMoments: Moments = {
  count: 0,
  mean: 0,
  squares: 0,
  min: Number.POSITIVE_INFINITY,
  max: Number.NEGATIVE_INFINITY,
  zeros: 0,
  nan: 0,
  inf: 0,
};

/** Moments of two sets of values together (Chan, Golub and LeVeque 1983): nothing cancels. */
export function mergeMoments(a: Moments, b: Moments): Moments {
  const count = a.count + b.count;
  const difference = b.mean - a.mean;
  const share = count === 0 ? 0 : b.count / count;
  return {
    count,
    mean: a.count === 0 ? b.mean : a.mean + difference * share,
    squares: a.squares + b.squares + (a.count === 0 ? 0 : difference * difference * a.count * share),
    min: Math.min(a.min, b.min),
    max: Math.max(a.max, b.max),
    zeros: a.zeros + b.zeros,
    nan: a.nan + b.nan,
    inf: a.inf + b.inf,
  };
}

/** Counts of two sets of codes together. */
export function mergeCounts(a: CodeCounts, b: CodeCounts): CodeCounts {
  if (a.codes.length === 0) return b;
  if (b.codes.length === 0) return a;
  const codes = new Uint32Array(a.codes.length + b.codes.length);
  const counts = new Float64Array(codes.length);
  let [i, j, used] = [0, 0, 0];
  while (i < a.codes.length && j < b.codes.length) {
    const left = a.codes[i] as number;
    const right = b.codes[j] as number;
    let count = 0;
    if (left <= right) count += a.counts[i++] as number;
    if (right <= left) count += b.counts[j++] as number;
    codes[used] = left < right ? left : right;
    counts[used++] = count;
  }
  const [rest, from] = i < a.codes.length ? [a, i] : [b, j];
  codes.set(rest.codes.subarray(from), used);
  counts.set(rest.counts.subarray(from), used);
  used += rest.codes.length - from;
  return { codes: codes.slice(0, used), counts: counts.slice(0, used) };
}
