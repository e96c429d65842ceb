import type { RunProgress } from "./runProgress";

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
  const silence = (nowMs - lastWrittenMs) / 1000;
  if (silence > stoppedSeconds) return "stopped";
  if (usualPauseSeconds === undefined) return silence > longSilenceSeconds ? "silent" : "running";
  return silence > Math.max(bufferedSeconds, overduePauses * usualPauseSeconds) ? "stalled" : "running";
}
