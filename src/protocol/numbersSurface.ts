import type { ScanFindings } from "../core/analysis/scanFindings";
import type { ScanChunk } from "../core/analysis/scanTable";
import type { TensorSlice } from "../core/values/tensorSlice";
import type { NumbersCalls, ScanChoice, TensorPlace } from "./numbersCalls";
import type { PageCalls } from "./pageCalls";

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
export interface NumbersHostCalls
  extends PageCalls<
    NumbersCalls,
    | "packedWeight"
    | "packedRows"
    | "pieces"
    | "values"
    | "findNotFinite"
    | "heatMap"
    | "tensorNumbers"
    | "moments"
  > {
  /** The scan that runs or ran; its results outlive the page. */
  scanState(params: null): ScanState;
  /** Results of the scan, by their number; undefined where the scan is another one by now. */
  scanChunk(params: { readonly id: number; readonly chunk: number }): ScanChunk | undefined;
  /** Begins to measure every tensor; the state comes as `scanChanged`. */
  startScan(params: ScanChoice): void;
  /** Asks for a file that `scan` of the command line wrote, and takes what it says. */
  readScan(params: null): void;
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
  scanChanged(state: ScanState): void;
}
