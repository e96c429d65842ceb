import type { CheckpointCalls } from "./checkpointCalls";
import type { CompareCalls } from "./compareCalls";
import type { DiffCalls } from "./diffCalls";
import type { MakeCalls } from "./makeCalls";
import type { NumbersCalls } from "./numbersCalls";
import type { RunCalls } from "./runCalls";

/** What the extension may ask of the worker. Handles live until `close`. */
export interface WorkerCalls
  extends CheckpointCalls,
    CompareCalls,
    DiffCalls,
    MakeCalls,
    NumbersCalls,
    RunCalls {
  close(params: { readonly handle: number }): void;
}
