import type { AlignedChunk } from "../core/compare/tensors/alignedChunk";
import type { DiffDetail } from "../core/compare/tensors/diffDetail";
import type { DiffChunk } from "../core/compare/tensors/diffTable";
import type { Problem } from "../core/problem/problem";

/** What the worker answers about the tensors of snapshots side by side; `handle` is that of the comparison. */
export interface DiffCalls {
  /** Aligned rows from `first` on. */
  alignedRows(params: { readonly handle: number; readonly first: number }): AlignedChunk;
  /** Compares the values of all rows. Results are asked for meanwhile; its progress is in bytes. */
  diffTensors(params: { readonly handle: number; readonly threads: number }): {
    readonly problems: readonly Problem[];
  };
  /** What was found so far, from the entry `first` on. */
  diffEntries(params: { readonly handle: number; readonly first: number }): DiffChunk;
  /** One pair of tensors in depth: reads them again. */
  diffDetail(params: {
    readonly handle: number;
    readonly row: number;
    readonly pair: number;
    readonly threads: number;
  }): DiffDetail;
}
