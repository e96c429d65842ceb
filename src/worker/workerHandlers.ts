import type { Comparison } from "../core/compare/comparison";
import type { ChartedRun } from "../core/runs/merge/chartedRun";
import { LogStore } from "../core/runs/merge/logStore";
import type { CheckpointSession } from "../core/session/checkpointSession";
import type { Handlers } from "../protocol/channel";
import type { WorkerCalls } from "../protocol/workerApi";
import { AnalysisPool } from "./analysisPool";
import { checkpointHandlers } from "./checkpointHandlers";
import { compareHandlers } from "./compareHandlers";
import { diffHandlers } from "./diffHandlers";
import { HandleMap, HandleNumbers } from "./handleMap";
import { LineTables } from "./lineTables";
import { makeHandlers } from "./makeHandlers";
import { nodeFiles } from "./nodeFiles";
import { OpeningsFirst } from "./process/openingsFirst";
import { runHandlers } from "./runHandlers";
import { tensorValueHandlers } from "./tensorValueHandlers";

/** Everything that the extension may ask: opening, reading and computing, beside the files. */
export function workerHandlers(): Handlers<WorkerCalls> {
  const numbers = new HandleNumbers();
  const sessions = new HandleMap<CheckpointSession>(
    numbers,
    "The checkpoint is no longer open. Reload the editor.",
  );
  const comparisons = new HandleMap<Comparison>(numbers, "The comparison is no longer open.");
  const runs = new HandleMap<ChartedRun>(numbers, "The run is no longer open. Read its logs again.");
  const tables = new LineTables();
  const logs = new LogStore(nodeFiles);
  const pool = new AnalysisPool();
  const openings = new OpeningsFirst();
  return {
    ...checkpointHandlers(sessions, runs, logs, pool, openings),
    ...compareHandlers(comparisons, pool),
    ...diffHandlers(comparisons, pool),
    ...tensorValueHandlers(sessions, pool),
    ...makeHandlers(pool),
    ...runHandlers(runs, tables, logs, openings),
    close: ({ handle }) => {
      sessions.close(handle);
      comparisons.close(handle);
      if (runs.close(handle) !== undefined) tables.clear();
    },
  };
}
