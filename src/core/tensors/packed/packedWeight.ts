import type { GgufChange } from "../../names/ggufNames";
import { CheckpointError } from "../../problem/checkpointError";
import type { ReadTensorRange } from "../readTensorRange";
import { elementCount, type Tensor } from "../tensor";
import type { CodeCells } from "./codeCells";

/** A weight that is stored as codes, with what gives them their values in tensors beside it. */
export interface PackedWeight {
  /** What the weight is called where it is not packed. */
  readonly name: string;
  /** How it is packed: its kind and then, behind a comma, how, as in "NF4, blocks of 64". */
  readonly scheme: string;
  readonly shape: readonly number[];
  /** The codes first, then the scales and whatever else belongs to it. */
  readonly stored: readonly Tensor[];
  /**
   * Set where the codes are nothing but two in each byte, and each 32 or 16 of them have one byte as their scale: those of
   * all rows lie in the second of `stored`.
   */
  readonly pairs?: PairValues;
  /** Set where the codes are nothing but two in each byte, in runs with a scale each. */
  readonly runs?: CodeRuns;
  readonly cells?: CodeCells;
  /** Set where it can be made again of `stored` alone, as a thread does. */
  readonly madeBy?: WeightMaking;
  /**
   * Values of rows of the last axis, all axes before it joined; in F32, as the scheme's own code computes them.
   * @param into room for as many values, which may be used for them: new memory costs as much as unpacking does.
   */
  readRows(
    first: number,
    rows: number,
    read: ReadTensorRange,
    signal?: AbortSignal,
    into?: Float32Array,
  ): Promise<Float32Array>;
}

/** By `PackedWeights` with hints, or by `asBeforeConversion`. Plain data. */
export type WeightMaking = { readonly hints: PackingHints } | { readonly undone: GgufChange };

/** Runs of codes of 4 bits in the order of the weight, each run with a scale: a value is its code's level times that. */
export interface CodeRuns {
  /** Codes of a run, a multiple of 64, as the columns of the weight are. */
  readonly size: number;
  /** What each of 16 codes stands for. */
  levels(read: ReadTensorRange): Promise<Float64Array>;
  scales(first: number, count: number, read: ReadTensorRange): Promise<Float64Array>;
  /** Set where the scales are stored as they are: F32 without a layout of its own. */
  readonly plainScales?: Tensor;
}

/** What a scale's byte and a code of 4 bits stand for: the code's level times the scale, rounded to F32. */
export interface PairValues {
  /** Of two codes each that share a scale. */
  readonly blockBytes: 8 | 16;
  /** Of each byte. */
  readonly scales: Float64Array;
  /** Of each of 16 codes. */
  readonly levels: Float64Array;
}

/** What a configuration says of the weights of one module, or of those it says nothing else of. */
interface BitsAndGroups {
  /** Bits of one packed weight. */
  readonly bits?: number;
  /** Weights that share a scale. */
  readonly groupSize?: number;
}

/** What a model's configuration says of how its weights are packed. */
export interface PackingHints extends BitsAndGroups {
  /** By the name of a module, where that is packed in another way. */
  readonly modules?: ReadonlyMap<string, BitsAndGroups>;
  /** Rows and columns that share a scale, of FP8 with scales for blocks. */
  readonly blockSize?: readonly [rows: number, columns: number];
  /** GPTQ keeps zero points without the one that its first format subtracts. */
  readonly isGptqV2?: boolean;
}

/** A tensor behind the module's name, such as ".scales". */
export type Sibling = (ending: string) => Tensor | undefined;

/** Rows and the size of the last axis; a vector is one row. */
export function rowsOf(shape: readonly number[]): { readonly rows: number; readonly columns: number } {
  const columns = shape.at(-1) ?? 1;
  return { rows: elementCount(shape.slice(0, -1)), columns };
}

/** Room for values that are all written to: `into` where it has as many. */
export function roomFor(count: number, into: Float32Array | undefined): Float32Array {
  return into?.length === count ? into : new Float32Array(count);
}

/** Code `index` of `bits` bits in a stream of little-endian words, the first in the low bits. */
export function codeAt(bytes: Uint8Array, index: number, bits: number): number {
  const bit = index * bits;
  const at = bit >>> 3;
  const word = (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8);
  return (word >>> (bit & 7)) & ((1 << bits) - 1);
}

const notUnpackedCode = "NotUnpacked";

/** @param reason a sentence that says why the values of codes are not computed. */
export function notUnpacked(reason: string): CheckpointError {
  return new CheckpointError(notUnpackedCode, reason);
}

export function isNotUnpacked(error: unknown): error is CheckpointError {
  return error instanceof CheckpointError && error.code === notUnpackedCode;
}
