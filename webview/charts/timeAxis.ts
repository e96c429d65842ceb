import type { ChartRange } from "./chartSeries";

/** Positions in seconds, as people count time. */

const minute = 60;
const hour = 60 * minute;
const day = 24 * hour;

/** Distances between ticks, in seconds. */
const steps: readonly number[] = [
  ...[1, 2, 5, 10, 15, 30],
  ...[1, 2, 5, 10, 15, 30].map((count) => count * minute),
  ...[1, 2, 3, 6, 12].map((count) => count * hour),
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500].map((count) => count * day),
];

interface Tick {
  readonly value: number;
  readonly label: string;
}

/** "45 s", "12 min 5 s", "3 h 20 min", "2 d 4 h": two units at most. */
export function formatElapsed(seconds: number): string {
  if (!Number.isFinite(seconds)) return "–";
  const sign = seconds < 0 ? "-" : "";
  const whole = Math.round(Math.abs(seconds));
  if (whole < minute) return `${sign}${whole} s`;
  if (whole < hour) return sign + joined(whole, minute, "min", 1, "s");
  if (whole < day) return sign + joined(whole, hour, "h", minute, "min");
  return sign + joined(whole, day, "d", hour, "h");
}

function joined(whole: number, unit: number, name: string, part: number, partName: string): string {
  const rest = Math.floor((whole % unit) / part);
  return `${Math.floor(whole / unit)} ${name}${rest === 0 ? "" : ` ${rest} ${partName}`}`;
}

/** Of time since a start. */
export function elapsedTicks(range: ChartRange, count: number): Tick[] {
  const step = stepFor(range, count);
  return multiples(range, step, 0).map((value) => ({ value, label: elapsedLabel(value, step) }));
}

function elapsedLabel(value: number, step: number): string {
  if (step >= day) return `${value / day} d`;
  if (step >= hour) return `${Math.round(value / hour)} h`;
  if (step >= minute)
    return value >= hour ? `${clock(value / minute)} h` : `${Math.round(value / minute)} min`;
  return value >= minute ? `${clock(value)} min` : `${value} s`;
}

/** 125 as "2:05". */
function clock(value: number): string {
  const whole = Math.round(value);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

/** Of times of day: seconds since 1970, in the reader's time zone. */
export function clockTicks(range: ChartRange, count: number): Tick[] {
  const step = stepFor(range, count);
  const offset = -new Date(range.min * 1000).getTimezoneOffset() * minute;
  let lastDay = "";
  return multiples(range, step, offset).map((value) => {
    const date = new Date(value * 1000);
    const dayName = date.toLocaleDateString("en-GB", { day: "numeric", month: "short" });
    const isNewDay = dayName !== lastDay;
    lastDay = dayName;
    if (step >= day || isNewDay) return { value, label: dayName };
    const seconds = step < minute ? ({ second: "2-digit" } as const) : {};
    return {
      value,
      label: date.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", ...seconds }),
    };
  });
}

export function formatClock(seconds: number): string {
  const date = new Date(seconds * 1000);
  if (Number.isNaN(date.getTime())) return "–";
  return date.toLocaleString("en-GB", {
    day: "numeric",
    month: "short",
    year: "numeric",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
  });
}

function stepFor({ min, max }: ChartRange, count: number): number {
  const rough = (max - min) / Math.max(1, count);
  return steps.find((step) => step >= rough) ?? Math.ceil(rough / (1000 * day)) * 1000 * day;
}

/** Multiples of a step, counted from `offset` before zero. */
function multiples({ min, max }: ChartRange, step: number, offset: number): number[] {
  const first = Math.ceil((min + offset) / step - 1e-9);
  const last = Math.floor((max + offset) / step + 1e-9);
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => (first + index) * step - offset);
}
