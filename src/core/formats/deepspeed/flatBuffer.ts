import type { TensorPiece } from "../../tensors/assembly";
import { heldElements, type Partition, partitionPiece } from "./partition";
import type { Fragment } from "./zeroRank";

/** A flat buffer that ranks hold in partitions, one behind the other (ZeRO-1 and 2). */
export interface FlatBuffer {
  readonly dtype: string;
  readonly partitions: readonly Partition[];
  /** Where each partition begins in the buffer, in elements. */
  readonly starts: readonly number[];
  readonly sizes: readonly number[];
  /** The partitions have the sizes that some version of DeepSpeed gives them. */
  readonly isExpected: boolean;
}

/**
 * How DeepSpeed cuts a buffer of `total` elements for `count` ranks: padded so that each begins at an even element
 * (from 0.3.16 on, `nccl_start_alignment_factor`), padded to equal partitions, or not padded at all.
 */
function* usualSizes(total: number, count: number): Generator<(rank: number) => number> {
  const aligned = 2 * Math.ceil(total / (2 * count));
  yield () => aligned;
  const equal = Math.ceil(total / count);
  yield () => equal;
  const base = Math.floor(total / count);
  yield (rank) => base + (rank < total % count ? 1 : 0);
}

/**
 * Lays partitions one behind the other. The end of the buffer may have been cut off before it was saved (the 32-bit
 * weights of ZeRO-1 and 2 are), so that the last ranks hold less, or nothing; where a rank is missing, what its place
 * takes follows from the others.
 * @param padded elements of a partition with its padding, where a rank's file says so
 */
export function flatBuffer(
  dtype: string,
  partitions: readonly Partition[],
  total: number,
  padded: number | undefined,
): FlatBuffer {
  const held = partitions.map(heldElements);
  const count = partitions.length;
  const layouts = [...usualSizes(total, count)];
  // What a rank's file says goes first; whatever else makes partitions alike comes last.
  if (padded !== undefined) layouts.unshift(() => padded);
  const largest = held.reduce<number>((most, size) => Math.max(most, size ?? 0), 0);
  layouts.push(() => largest);
  const fitting = layouts.find((sizeOf) => fits(held, total, sizeOf));
  const sizeOf = fitting ?? ((rank: number) => held[rank] ?? padded ?? largest);
  const sizes = held.map((_, rank) => sizeOf(rank));
  const starts: number[] = [];
  let start = 0;
  for (const size of sizes) {
    starts.push(start);
    start += size;
  }
  return { dtype, partitions, starts, sizes, isExpected: fitting !== undefined };
}

/** Whether ranks hold as much as the partitions of another buffer of the same parameters ask for. */
export function isCutAlike({ sizes }: FlatBuffer, partitions: readonly Partition[], total: number): boolean {
  return fits(partitions.map(heldElements), total, (rank) => sizes[rank] as number);
}

/** Each rank holds its whole partition, or what of it is no padding. */
function fits(
  held: readonly (number | undefined)[],
  total: number,
  sizeOf: (rank: number) => number,
): boolean {
  let start = 0;
  for (const [rank, elements] of held.entries()) {
    const size = sizeOf(rank);
    const lean = Math.min(size, Math.max(0, total - start));
    if (elements !== undefined && elements !== size && elements !== lean) return false;
    start += size;
  }
  return start >= total;
}

/** Elements `offset` to `offset + count` of the buffer, as a tensor of their own. */
export function flatPieces(buffer: FlatBuffer, offset: number, count: number): TensorPiece[] {
  const { dtype, partitions, starts, sizes } = buffer;
  const pieces: TensorPiece[] = [];
  for (let rank = rankAt(starts, offset); rank < partitions.length; rank++) {
    const start = starts[rank] as number;
    if (start >= offset + count) break;
    const from = Math.max(offset, start);
    const to = Math.min(offset + count, start + (sizes[rank] as number));
    if (to <= from) continue;
    pieces.push(partitionPiece(partitions[rank] as Partition, dtype, from - start, from - offset, to - from));
  }
  return pieces;
}

/** The last rank whose partition begins at an element or before it. */
function rankAt(starts: readonly number[], element: number): number {
  let low = 0;
  let high = starts.length - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if ((starts[middle] as number) <= element) low = middle;
    else high = middle - 1;
  }
  // Ranks without elements begin where the next one does.
  while (low > 0 && starts[low] === starts[low - 1]) low--;
  return Math.max(0, low);
}

/** Whether a rank's own note of where a parameter lies says the same as the sizes do. */
export function agreesWithFragment(
  { starts, sizes }: FlatBuffer,
  rank: number,
  fragment: Fragment,
  offset: number,
  count: number,
): boolean {
  const start = starts[rank] as number;
  const from = Math.max(offset, start);
  const to = Math.min(offset + count, start + (sizes[rank] as number));
  return fragment.count === Math.max(0, to - from) && (to <= from || fragment.start === from - start);
}

/** A parameter by the ranks' own note of where its parts lie; undefined where the parts are not all of it. */
export function fragmentPieces(
  { dtype, partitions }: FlatBuffer,
  fragments: readonly (Fragment | undefined)[],
  count: number,
): TensorPiece[] | undefined {
  const pieces: TensorPiece[] = [];
  let first = 0;
  for (const [rank, partition] of partitions.entries()) {
    if (partition.absent !== undefined) return undefined;
    const fragment = fragments[rank];
    if (fragment === undefined) continue;
    pieces.push(partitionPiece(partition, dtype, fragment.start, first, fragment.count));
    first += fragment.count;
  }
  return first === count ? pieces : undefined;
}
