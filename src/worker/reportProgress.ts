import type { ParamsOf } from "../protocol/channel";
import type { WorkerHostCalls } from "../protocol/workerApi";

/** Tells the extension how far a request is that it gave a token with. */
export type ReportProgress = (progress: ParamsOf<WorkerHostCalls, "progress">) => void;

/** Tells the extension numbers of some more tensors of a scan that it gave a token with. */
export type ReportScanned = (scanned: ParamsOf<WorkerHostCalls, "scanned">) => void;
