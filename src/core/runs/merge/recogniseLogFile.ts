import type { Files } from "../../bytes/files";
import { baseName } from "../../bytes/paths";
import { CheckpointError } from "../../problem/checkpointError";
import type { LogFile, LogFormatId } from "../logs/logFormat";
import { recogniseLog } from "../logs/logFormats";

/** Enough of a file to see what it is. */
const headBytes = 8192;

/**
 * What a file that someone wants to see as a log is: by its name and first bytes. A folder may be an MLflow
 * run.
 * @throws CheckpointError `UnknownLog` where it is no log that is known here.
 */
export async function recogniseLogFile(files: Files, path: string, signal?: AbortSignal): Promise<LogFile> {
  const stat = await files.stat(path);
  if (stat?.kind === "directory") {
    const entries = await files.list(path);
    const isRun =
      entries.some(({ name }) => name === "meta.yaml") && entries.some(({ name }) => name === "metrics");
    if (isRun) return { path, format: "mlflow" };
    throw unknownLog(path);
  }
  const source = await files.open(path);
  let format: LogFormatId | undefined;
  try {
    format = recogniseLog(baseName(path), await source.read(0, Math.min(headBytes, source.size), signal));
  } finally {
    await source.close();
  }
  if (format === undefined) throw unknownLog(path);
  return { path, format };
}

function unknownLog(path: string): CheckpointError {
  const message = "This is no training log that is known here.";
  return new CheckpointError("UnknownLog", message, undefined, path);
}
