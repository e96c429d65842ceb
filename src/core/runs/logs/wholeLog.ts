import { readText } from "../../bytes/readText";
import { CheckpointError } from "../../problem/checkpointError";
import type { LogCursor, LogInput, LogRead, LogReadOptions, LogReport } from "./logFormat";
import { PointBatch } from "./pointBatch";

/**
 * Reads a log that is written anew each time, so that all of it must be read each time. What `parse` throws
 * becomes a problem, and so does a file that is too large.
 */
export async function readWholeLog(
  input: LogInput,
  from: LogCursor | undefined,
  { signal }: LogReadOptions,
  maxBytes: number,
  parse: (text: string, points: PointBatch) => LogReport & Pick<LogRead, "state">,
): Promise<LogRead> {
  const points = new PointBatch();
  const text = await readWithin(input, maxBytes, signal);
  const report = typeof text === "string" ? parse(text, points) : text;
  return {
    ...report,
    points,
    restarted: from !== undefined,
    purges: [],
    cursor: { offset: typeof text === "string" ? text.length : 0 },
    waiting: 0,
  };
}

async function readWithin(
  { files, path }: LogInput,
  maxBytes: number,
  signal: AbortSignal | undefined,
): Promise<string | LogReport> {
  try {
    return await readText(files, path, maxBytes, signal);
  } catch (error) {
    if (!(error instanceof CheckpointError)) throw error;
    return { ...emptyReport, problems: [error.toProblem()] };
  }
}

export const emptyReport: LogReport = { config: [], summary: [], facts: {}, problems: [] };
