import type { Run, RunCheckpoint } from "../run";
import { longestSilenceMs, runActivity } from "./runActivity";

/** A run that was not written to for so long is not looked at again and again. */
export const liveQuietMs = 10 * 60_000;

/** A save that has not written anything for so long has stopped. */
const saveQuietMs = 2 * 60_000;

/** Whether something may still be written: a log that has not ended, or a checkpoint, grew a moment ago. */
export function isLive(run: Run, nowMs: number): boolean {
  return run.progress?.ended !== true && isRecent(lastWrittenMs(run), nowMs, liveQuietMs);
}

/** Whether a training is under way, by its logs. Checkpoints alone may just have been copied or fetched. */
export function isTraining({ progress, maxSteps }: Run, nowMs: number): boolean {
  if (progress === undefined) return false;
  const planned = maxSteps === undefined ? {} : { maxSteps };
  return runActivity({ ...planned, ...progress }, nowMs) === "running";
}

/** Not whole yet, and written to a moment ago: nothing is wrong with it. */
export function isBeingSaved(
  { incomplete, modifiedMs }: Pick<RunCheckpoint, "incomplete" | "modifiedMs">,
  nowMs: number,
): boolean {
  return incomplete && isRecent(modifiedMs, nowMs, saveQuietMs);
}

/** When the first of them stops running, being live or being saved, as long as nothing more is written. */
export function nextChangeMs(runs: readonly Run[], nowMs: number): number | undefined {
  let next = Number.POSITIVE_INFINITY;
  for (const run of runs) {
    if (isTraining(run, nowMs))
      next = Math.min(next, (run.progress?.lastWrittenMs ?? 0) + longestSilenceMs(run.progress ?? {}));
    if (!isLive(run, nowMs)) continue;
    next = Math.min(next, lastWrittenMs(run) + liveQuietMs);
    for (const one of run.checkpoints)
      if (isBeingSaved(one, nowMs)) next = Math.min(next, one.modifiedMs + saveQuietMs);
  }
  return Number.isFinite(next) ? Math.max(next, nowMs + 1) : undefined;
}

/** Of its newest log or checkpoint, in milliseconds since 1970. */
export function lastWrittenMs({ progress, checkpoints }: Run): number {
  return checkpoints.reduce(
    (newest, { modifiedMs }) => Math.max(newest, modifiedMs),
    progress?.lastWrittenMs ?? 0,
  );
}

/** A clock on a network disk may be somewhat ahead. */
function isRecent(ms: number, nowMs: number, quietMs: number): boolean {
  return Math.abs(nowMs - ms) < quietMs;
}
