/**
 * Calls `action` once things have been quiet for `quietMs`, but no later than `longestMs` after the first call: what
 * never gets quiet, such as a training that writes all the time, must not be put off for ever.
 */
export function debounce(
  quietMs: number,
  action: () => void,
  longestMs = Number.POSITIVE_INFINITY,
): { run(): void; dispose(): void } {
  let timer: NodeJS.Timeout | undefined;
  let deadlineMs: number | undefined;
  const act = () => {
    deadlineMs = undefined;
    action();
  };
  return {
    run() {
      const nowMs = Date.now();
      deadlineMs ??= nowMs + longestMs;
      clearTimeout(timer);
      timer = setTimeout(act, Math.max(0, Math.min(quietMs, deadlineMs - nowMs)));
    },
    dispose() {
      clearTimeout(timer);
    },
  };
}
