import { formatBytes } from "./quantities";

/** How far long reading is. */
export interface ByteProgress {
  readonly doneBytes: number;
  readonly totalBytes: number;
  readonly elapsedMs: number;
}

/** Rates from less time than this say more about the start than about the work. */
const tellingMs = 500;

/** "1.20 GB of 4.00 GB, 1.90 GB/s, 2 s left"; without rate and time at the very start. */
export function byteProgressText({ doneBytes, totalBytes, elapsedMs }: ByteProgress): string {
  const done = `${formatBytes(doneBytes)} of ${formatBytes(totalBytes)}`;
  if (elapsedMs < tellingMs || doneBytes === 0) return done;
  const bytesPerSecond = (doneBytes / elapsedMs) * 1000;
  const secondsLeft = Math.max(0, totalBytes - doneBytes) / bytesPerSecond;
  return `${done}, ${formatBytes(bytesPerSecond)}/s, ${durationText(secondsLeft)} left`;
}

/** "less than 1 s", "42 s", "3 min 20 s", "2 h 5 min". */
function durationText(seconds: number): string {
  if (seconds < 1) return "less than 1 s";
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${whole % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
