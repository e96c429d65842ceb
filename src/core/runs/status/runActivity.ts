import type { RunProgress } from "../series/runProgress";

/**
 * What a training seems to be doing, by its logs alone.
 * `ended`: the logs say so, or all planned steps are done. `running`: the last entry is as recent as one may
 * expect. `stalled`: entries came regularly, and the next is long overdue. `silent`: nothing for long, and no
 * log tells how often one comes: many trainers write theirs only with a checkpoint. `stopped`: nothing for a day.
 */
export type RunActivity = "ended" | "running" | "stalled" | "silent" | "stopped" | "unknown";

/** An entry is overdue after so many usual pauses: evaluations and saves take their time. */
const overduePauses = 10;
/** TensorBoard's writer keeps entries back for two minutes. */
const bufferedSeconds = 180;
const longSilenceSeconds = 15 * 60;
const stoppedSeconds = 24 * 60 * 60;

export function runActivity(progress: RunProgress, nowMs: number): RunActivity {
  const { step, maxSteps, ended, lastWrittenMs, usualPauseSeconds } = progress;
  if (ended || (step !== undefined && maxSteps !== undefined && maxSteps > 0 && step >= maxSteps))
    return "ended";
  if (lastWrittenMs === undefined) return "unknown";
  const silenceMs = nowMs - lastWrittenMs;
  if (silenceMs > stoppedSeconds * 1000) return "stopped";
  // A clock on a network disk may be somewhat ahead, not that far.
  if (silenceMs < -stoppedSeconds * 1000) return "unknown";
  if (silenceMs <= longestSilenceMs(progress)) return "running";
  return usualPauseSeconds === undefined ? "silent" : "stalled";
}

/** After so long without a byte in its logs a training is no longer said to be running. */
export function longestSilenceMs({ usualPauseSeconds }: Pick<RunProgress, "usualPauseSeconds">): number {
  if (usualPauseSeconds === undefined) return longSilenceSeconds * 1000;
  return Math.max(bufferedSeconds, overduePauses * usualPauseSeconds) * 1000;
}
