import type { CheckpointSession } from "../../core/session/checkpointSession";
import type { LoraModuleRow } from "../../core/session/loraView";
import type { Tell } from "../../protocol/channel";
import type { LoraChunk, LoraRest } from "../../protocol/loraChunks";
import type { NumbersPool } from "../numbers/numbersPool";

/** Singular values that a view of the adapter lists: most of a megabyte. */
const maxListedValues = 80_000;

/** A message of as many rows stays well under a megabyte: larger ones block the page while they are read. */
const maxRows = 400;

/** Often enough for an eye. */
const tellEveryMs = 150;

/** Measures an adapter and tells of its modules while it does. */
export async function streamLora(
  session: CheckpointSession,
  pool: NumbersPool,
  tell: Tell<LoraChunk>,
  signal: AbortSignal,
): Promise<LoraRest | undefined> {
  let waiting: LoraModuleRow[] = [];
  let first = 0;
  let toldMs = performance.now();
  const flush = () => {
    if (waiting.length > 0) tell.chunk({ first, rows: waiting });
    first += waiting.length;
    waiting = [];
    toldMs = performance.now();
  };
  const view = await session.lora(signal, {
    report: tell.progress,
    maxListedValues,
    measure: pool.measureModules(session, signal),
    onHead: ({ modules, ...head }) => {
      tell.chunk({ head, first: 0, rows: modules.slice(0, maxRows) });
      for (let from = maxRows; from < modules.length; from += maxRows)
        tell.chunk({ first: from, rows: modules.slice(from, from + maxRows) });
    },
    onRow: (row) => {
      waiting.push(row);
      if (waiting.length === maxRows || performance.now() - toldMs >= tellEveryMs) flush();
    },
  });
  flush();
  if (view === undefined) return undefined;
  const { modules: _, ...rest } = view;
  return rest;
}
