import type { ScanFindings } from "../core/analysis/scanFindings";
import type { ScanChunk } from "../core/analysis/scanTable";
import type { TensorNumbers } from "../core/analysis/tensorNumbers";
import type { MomentNumbers } from "../core/optimizer/updateSize";
import type { HeatMap } from "../core/values/heatMap";
import type { ValueBlock } from "../core/values/readBlock";
import type { TensorSlice } from "../core/values/tensorSlice";
import type { HeatMapRequest, TensorPlace, ValuesRequest } from "./numbersCalls";

/** How far a scan of the whole checkpoint is. Each scan has an id of its own. */
export interface ScanState {
  readonly id: number;
  readonly status: "none" | "running" | "done" | "cancelled" | "failed";
  readonly doneBytes: number;
  readonly totalBytes: number;
  readonly elapsedMs: number;
  /** Chunks of results that can be asked for. */
  readonly chunks: number;
  readonly findings?: ScanFindings;
  /** Why it failed. */
  readonly message?: string;
}

/** What the page of the checkpoint editor may ask about the numbers in the tensors. */
export interface NumbersHostCalls {
  /** Values of a block of a slice, read by range. */
  values(params: ValuesRequest): ValueBlock;
  /** Place of the next NaN or infinite value at or after `from`, in row-major order. Reads from there on. */
  findNotFinite(params: { readonly tensor: TensorPlace; readonly from: number }): number | undefined;
  /** A picture of a part of a slice, all of which is read; `token` names it in `measuring`. */
  heatMap(params: HeatMapRequest & { readonly token: number }): HeatMap;
  /** Reads a whole tensor; `token` names it in `measuring`. Undefined for dtypes that have no numbers. */
  tensorNumbers(params: { readonly tensor: TensorPlace; readonly token: number }): TensorNumbers | undefined;
  /** Of one parameter of an optimizer; undefined where it has no two moments as plain floats. Reads both. */
  moments(params: { readonly optimizer: number; readonly parameter: number }): MomentNumbers | undefined;
  /** The scan that runs or ran; its results outlive the page. */
  scanState(params: null): ScanState;
  /** Results of the scan, by their number; undefined where the scan is another one by now. */
  scanChunk(params: { readonly id: number; readonly chunk: number }): ScanChunk | undefined;
  /** Begins to measure every tensor; the state comes as `scanChanged`. */
  startScan(params: null): void;
  cancelScan(params: null): void;
}

/** Files that the page may ask for. The user is asked where to. */
export interface ExportHostCalls {
  /** As `.npy`; types that NumPy lacks as float32. */
  exportTensor(params: { readonly tensor: TensorPlace; readonly dtype: string }): void;
  /** As CSV. */
  exportSlice(params: { readonly tensor: TensorPlace; readonly slice: TensorSlice }): void;
  /** The numbers of all tensors that were measured, as CSV or JSON. */
  exportScan(params: null): void;
}

/** What the extension tells the page about the numbers in the tensors. */
export interface NumbersPageCalls {
  measuring(params: { readonly token: number; readonly done: number; readonly total: number }): void;
  scanChanged(state: ScanState): void;
}
