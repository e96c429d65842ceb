import type { ScanFindings } from "../core/analysis/scanFindings";
import type { ScanChunk } from "../core/analysis/scanTable";
import type { TensorNumbers } from "../core/analysis/tensorNumbers";
import type { PiecePage } from "../core/checkpoint/piecePage";
import type { MomentNumbers } from "../core/optimizer/updateSize";
import type { PackedRows } from "../core/tensors/packed/packedRows";
import type { HeatMap } from "../core/values/heatMap";
import type { ValueBlock } from "../core/values/readBlock";
import type { SliceBlock, TensorSlice } from "../core/values/tensorSlice";

/**
 * A tensor by its row in the tensor table. Names may be shortened there and need not be unique; with the name, a row
 * of a file that was read anew is not taken for another tensor.
 */
export interface TensorPlace {
  readonly row: number;
  readonly name: string;
  /** The weight that the tensor's codes stand for, in place of the codes. */
  readonly unpacked?: true;
}

/** What a tensor's codes stand for. */
export interface PackedInfo {
  /** How the weight is packed, as in "NF4, blocks of 64". */
  readonly scheme: string;
  /** Of the unpacked weight, whose values are F32. */
  readonly shape: readonly number[];
  /** Of the codes, scales and whatever else belongs to the weight. */
  readonly storedBytes: number;
}

export interface ValuesRequest {
  readonly tensor: TensorPlace;
  readonly slice: TensorSlice;
  /** What lies outside of the slice is left out. */
  readonly block: SliceBlock;
}

/** How many threads may do the work. */
export interface Threaded {
  readonly threads: number;
}

export interface HeatMapRequest {
  readonly tensor: TensorPlace;
  readonly slice: TensorSlice;
  readonly part: SliceBlock;
}

export interface Written {
  readonly path: string;
}

type OfCheckpoint<T> = T & { readonly handle: number };

/** Whether packed weights are measured as their codes, or as the values that these stand for. */
export interface ScanChoice {
  readonly ofCodes: boolean;
  /** What was kept of an earlier scan of the same files is not taken. */
  readonly anew: boolean;
}

export interface ScanRequest extends ScanChoice {
  /** The folder that scans are kept in. */
  readonly keepIn: string;
  /** A file that `scan` wrote, in place of reading. */
  readonly from?: string;
}

/** What the worker answers about the numbers in a checkpoint's tensors. */
export interface NumbersCalls {
  /** Undefined where the tensor holds plain values, or nobody can tell what its codes stand for. */
  packedWeight(params: OfCheckpoint<{ readonly tensor: TensorPlace }>): PackedInfo | undefined;
  /** The rows of the tensor table that hold codes of packed weights. Reads a few bytes of each. */
  packedRows(params: OfCheckpoint<unknown>): PackedRows;
  /** Pieces of an assembled tensor, from `from` on; undefined for one whose bytes lie in one place. */
  pieces(
    params: OfCheckpoint<{ readonly tensor: TensorPlace; readonly from: number }>,
  ): PiecePage | undefined;
  /** Values of a block of a slice, read by range. */
  values(params: OfCheckpoint<ValuesRequest>): ValueBlock;
  /** Place of the next NaN or infinite value at or after `from`, in row-major order. Reads from there on. */
  findNotFinite(
    params: OfCheckpoint<{ readonly tensor: TensorPlace; readonly from: number }>,
  ): number | undefined;
  /** A picture of a part of a slice, all of which is read. Tells its progress. */
  heatMap(params: OfCheckpoint<Threaded & HeatMapRequest>): HeatMap;
  /** Reads the whole tensor. Tells its progress. Undefined for dtypes that have no numbers. */
  tensorNumbers(params: OfCheckpoint<Threaded & { readonly tensor: TensorPlace }>): TensorNumbers | undefined;
  /** Writes a tensor as `.npy`, a slice or a scan's table as text. What is at the path is replaced. */
  exportTensor(params: OfCheckpoint<Written & { readonly tensor: TensorPlace }>): void;
  exportSlice(
    params: OfCheckpoint<Written & { readonly tensor: TensorPlace; readonly slice: TensorSlice }>,
  ): void;
  /** As JSON where the path ends in `.json`, else as CSV. */
  exportScan(params: OfCheckpoint<{ readonly path: string; readonly chunks: readonly ScanChunk[] }>): void;
  /** Of one parameter of an optimizer; undefined where it has no two moments as plain floats. Reads both. */
  moments(
    params: OfCheckpoint<{ readonly optimizer: number; readonly parameter: number }>,
  ): MomentNumbers | undefined;
  /** Measures every tensor, or takes what an earlier scan of the same files found. The results come in chunks. */
  scan(params: OfCheckpoint<Threaded & ScanRequest>, chunk: ScanChunk): ScanFindings;
}
