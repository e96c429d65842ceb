import type { Run, RunCheckpoint } from "./run";

/** After so long without a byte in its logs nobody waits for the next one. */
export const liveQuietMs = 10 * 60_000;

/** A save that has not written anything for so long has stopped. */
export const saveQuietMs = 2 * 60_000;

/** Whether something may still be written: a log that has not ended, or a checkpoint, grew a moment ago. */
export function isLive(run: Run, nowMs: number): boolean {
  return run.progress?.ended !== true && isRecent(lastWrittenMs(run), nowMs, liveQuietMs);
}

/** Whether a training is under way, as its log shows. Checkpoints alone may just have been copied or fetched. */
export function isTraining({ progress, maxSteps }: Run, nowMs: number): boolean {
  if (progress === undefined || progress.ended) return false;
  const isDone = (progress.step ?? 0) >= (progress.maxSteps ?? maxSteps ?? Number.POSITIVE_INFINITY);
  return !isDone && isRecent(progress.lastWrittenMs ?? 0, nowMs, liveQuietMs);
}

/** Not whole yet, and written to a moment ago: nothing is wrong with it. */
export function isBeingSaved(
  { incomplete, modifiedMs }: Pick<RunCheckpoint, "incomplete" | "modifiedMs">,
  nowMs: number,
): boolean {
  return incomplete && isRecent(modifiedMs, nowMs, saveQuietMs);
}

/** When the first of them stops being live or being saved, as long as nothing more is written. */
export function nextChangeMs(runs: readonly Run[], nowMs: number): number | undefined {
  let next = Number.POSITIVE_INFINITY;
  for (const run of runs) {
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
