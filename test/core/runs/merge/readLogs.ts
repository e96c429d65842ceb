import type { Files } from "../../../../src/core/bytes/files";
import type { LogFile } from "../../../../src/core/runs/logs/logFormat";
import { LogStore } from "../../../../src/core/runs/merge/logStore";
import type { RunLog } from "../../../../src/core/runs/merge/runLog";
import { RunLogFollower } from "../../../../src/core/runs/merge/runLogFollower";
import type { TrainingView } from "../../../../src/core/runs/merge/trainingView";
import { type RunLogSource, trainingViewOf } from "../../../../src/core/runs/merge/trainingViewOf";

/** Reads some logs as one. What cannot be read is among the problems. */
export async function readRunLog(
  files: Files,
  logs: readonly LogFile[],
  signal?: AbortSignal,
): Promise<RunLog> {
  const follower = new RunLogFollower(new LogStore(files), { checkpoints: [], logFiles: [], logs });
  await follower.poll(signal);
  return follower.runLog();
}

/**
 * The logs of a run as one, with a marker for each checkpoint whose step is known. Files that cannot be read
 * are told as problems; the newest log counts where two disagree.
 */
export async function mergedRunLog(
  files: Files,
  run: RunLogSource,
  signal?: AbortSignal,
): Promise<TrainingView> {
  const { checkpoints, logFiles, logs } = run;
  const follower = new RunLogFollower(new LogStore(files), {
    checkpoints,
    ...(logFiles === undefined ? {} : { logFiles }),
    ...(logs === undefined ? {} : { logs }),
  });
  await follower.poll(signal);
  return trainingViewOf(follower, run);
}
