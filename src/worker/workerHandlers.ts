import type { CheckpointSession } from "../core/checkpoint/checkpointSession";
import type { Comparison } from "../core/lora/comparison";
import type { Handlers } from "../protocol/channel";
import type { WorkerCalls } from "../protocol/workerApi";
import { checkpointHandlers } from "./checkpointHandlers";
import { compareHandlers } from "./compareHandlers";
import { HandleMap, HandleNumbers } from "./handleMap";
import type { ReportProgress } from "./reportProgress";
import { runHandlers } from "./runHandlers";

/** Everything that the extension may ask: opening, reading and computing, beside the files. */
export function workerHandlers(reportProgress: ReportProgress): Handlers<WorkerCalls> {
  const numbers = new HandleNumbers();
  const sessions = new HandleMap<CheckpointSession>(
    numbers,
    "The checkpoint is no longer open. Reload the editor.",
  );
  const comparisons = new HandleMap<Comparison>(numbers, "The comparison is no longer open.");
  return {
    ...checkpointHandlers(sessions),
    ...compareHandlers(comparisons, reportProgress),
    ...runHandlers(),
    close: ({ handle }) => {
      sessions.close(handle);
      comparisons.close(handle);
    },
  };
}
