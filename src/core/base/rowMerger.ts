import type { WritableDtype } from "../tensors/encode";
import type { MergeCost, MergedUpdate } from "./mergedUpdate";

/**
 * W + ΔW of rows of a weight in one pass over them, with the very bytes that `addUpdates` and `encodeValues` make: where a
 * host has something faster than these.
 */
export interface RowMerger {
  /**
   * Takes the updates of a weight with `columns`. Undefined where they, or these dtypes, are none of its own.
   * @returns how many rows it merges at once.
   */
  load(
    updates: readonly MergedUpdate[],
    columns: number,
    from: string,
    to: WritableDtype,
  ): number | undefined;
  /**
   * Rows `first` and following of that weight; no more than `load` said.
   * @returns the merged ones, in memory that is used again for the piece after the next. Undefined where values are
   * infinite or NaN, or become so.
   */
  merge(stored: Uint8Array, first: number): MergedRows | undefined;
}

interface MergedRows extends Pick<MergeCost, "updateSquares" | "lostSquares"> {
  readonly bytes: Uint8Array;
}

type MakeRowMerger = () => RowMerger | undefined;

let make: MakeRowMerger | undefined;

/** For the whole thread. Undefined brings the plain arithmetic back. */
export function useRowMergers(makeOne: MakeRowMerger | undefined): void {
  make = makeOne;
}

export function createRowMerger(): RowMerger | undefined {
  return make?.();
}
