import type { Problem } from "../problem/problem";
import type { LayerOutlier } from "./layerOutliers";

/** What a scan of a whole checkpoint found, besides the numbers of each tensor. Plain data. */
export interface ScanFindings {
  readonly problems: readonly Problem[];
  /** The most conspicuous ones. */
  readonly outliers: readonly LayerOutlier[];
  readonly outlierCount: number;
  readonly measured: number;
  readonly bytes: number;
  /** Packed weights among them. */
  readonly packed: number;
  /** Those were measured as their codes. */
  readonly ofCodes: boolean;
  /** Where the tensors were not read, but an earlier scan of the same files was. */
  readonly earlier?: EarlierScan;
}

/** When a scan was kept, or the file that it was read from. */
export interface EarlierScan {
  readonly measuredMs?: number;
  readonly file?: string;
}
