export type TimeKind = "clock" | "elapsed";

/** Fields that say when a row was logged, or how long the training had run by then. */
const kinds: ReadonlyMap<string, TimeKind> = new Map<string, TimeKind>([
  ["_timestamp", "clock"],
  ["timestamp", "clock"],
  ["wall_time", "clock"],
  ["wall time", "clock"],
  ["walltime", "clock"],
  ["time", "clock"],
  ["ts", "clock"],
  ["datetime", "clock"],
  ["date", "clock"],
  ["created_at", "clock"],
  ["asctime", "clock"],
  ["_runtime", "elapsed"],
  ["elapsed_time", "elapsed"],
  ["elapsed", "elapsed"],
  ["time_elapsed", "elapsed"],
  ["relative time", "elapsed"],
]);

const longestName = 13;

export function timeKindOf(name: string): TimeKind | undefined {
  return name.length > longestName ? undefined : (kinds.get(name) ?? kinds.get(name.toLowerCase()));
}

/** Before that, in 1973, nobody trained: a smaller number is a duration. */
const firstClockSeconds = 1e8;

/** Seconds since 1970 from seconds, milliseconds or a date as text; undefined for a duration. */
export function clockSeconds(value: unknown): number | undefined {
  if (typeof value === "string") {
    const number = Number(value);
    if (value.trim() !== "" && Number.isFinite(number)) return clockSeconds(number);
    // Bare numbers and words such as "epoch 3" are no dates.
    if (!/^\d{4}-\d{2}-\d{2}/.test(value)) return undefined;
    const parsed = Date.parse(value.replace(/^(\d{4}-\d{2}-\d{2}) (\d)/, "$1T$2").replace(/,(\d{3})/, ".$1"));
    return Number.isNaN(parsed) ? undefined : parsed / 1000;
  }
  if (typeof value !== "number" || !(value >= firstClockSeconds)) return undefined;
  return value >= 1e11 ? value / 1000 : value;
}

/** `0:08:23`, `1 day, 0:08:23` or a number of seconds. */
export function elapsedSeconds(value: unknown): number | undefined {
  if (typeof value === "number") return Number.isFinite(value) ? value : undefined;
  if (typeof value !== "string" || value.length > 40) return undefined;
  const match = /^(?:(\d+) days?, )?(\d+):(\d{2}):(\d{2}(?:\.\d+)?)$/.exec(value.trim());
  if (match === null) return value.trim() === "" || !(Number(value) >= 0) ? undefined : Number(value);
  const [, days = "0", hours, minutes, seconds] = match;
  return Number(days) * 86400 + Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds);
}
