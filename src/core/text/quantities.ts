/** Numbers as people read them. Bytes are decimal (1 GB = 10^9 bytes), as model hubs and `ls -h --si` count. */

const byteUnits = ["bytes", "kB", "MB", "GB", "TB", "PB"] as const;

export function formatBytes(bytes: number): string {
  if (bytes === 1) return "1 byte";
  return scaled(bytes, byteUnits);
}

const countUnits = ["", "K", "M", "B", "T"] as const;

/** 1.24 B: parameters and the like, to three digits. Below 1,000 the number itself. */
export function formatShortCount(count: number): string {
  return scaled(count, countUnits).trimEnd();
}

export function formatCount(count: number | bigint): string {
  // What is not a plain row of digits is left to the engine, which loads its languages for it.
  const digits = String(count);
  return /^-?\d+$/.test(digits) ? digits.replace(/\B(?=(?:\d{3})+$)/g, ",") : count.toLocaleString("en");
}

function scaled(value: number, units: readonly string[]): string {
  let scale = 0;
  let rest = Math.abs(value);
  // 999.5 rounds to 1,000 in three digits, so it already belongs to the next unit.
  while (rest >= (scale === 0 ? 1000 : 999.5) && scale < units.length - 1) {
    rest /= 1000;
    scale++;
  }
  // Three digits after rounding: 9.995 becomes 10.0, not 10.00.
  const digits = scale === 0 ? 0 : rest < 9.995 ? 2 : rest < 99.95 ? 1 : 0;
  return `${value < 0 ? "-" : ""}${rest.toFixed(digits)} ${units[scale]}`;
}

/** "1 tensor", "2 tensors". */
export function plural(count: number, noun: string, nouns = `${noun}s`): string {
  return `${formatCount(count)} ${count === 1 ? noun : nouns}`;
}

/**
 * A measured value to `digits` significant digits, for a sentence: without zeros at the end. In scientific
 * notation where plain digits would hide it. NaN and infinities by name.
 */
export function formatNumber(value: number, digits = 4): string {
  return formatSignificant(value, digits, false);
}

/** The same for a column of numbers: zeros at the end stay, so that the points line up. Whole numbers have none. */
export function formatAligned(value: number, digits = 4): string {
  return formatSignificant(value, digits, true);
}

function formatSignificant(value: number, digits: number, keepZeros: boolean): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "-∞";
  if (value === 0) return "0"; // -0 too
  const magnitude = Math.abs(value);
  if (Number.isInteger(value) && magnitude < 1e6) return formatCount(value);
  if (magnitude >= 1e-3 && magnitude < 1e6) {
    // Digits before the point are never rounded away: 12,345.6 is 12,346 and not 12,350.
    const maximum = Math.max(digits, Math.floor(Math.log10(magnitude)) + 1);
    return value.toLocaleString("en", {
      minimumSignificantDigits: keepZeros ? maximum : 1,
      maximumSignificantDigits: maximum,
    });
  }
  return value
    .toExponential(digits - 1)
    .replace(/\.?0+e/, "e")
    .replace("e+", "e");
}

/** A share as a percentage that does not round something to nothing. */
export function formatShare(share: number): string {
  const percent = share * 100;
  if (percent > 0 && percent < 0.1) return "< 0.1 %";
  return `${percent.toFixed(percent >= 99.95 || percent === 0 ? 0 : 1)} %`;
}

/** How long something takes, to the two units that matter: `45 s`, `12 min`, `3 h 20 min`, `2 d 4 h`. */
export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds)) return "an unknown time";
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  const minutes = Math.round(whole / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return pair(hours, "h", minutes % 60, "min");
  const roundedHours = Math.round(minutes / 60);
  return pair(Math.floor(roundedHours / 24), "d", roundedHours % 24, "h");
}

function pair(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large} ${largeUnit}` : `${large} ${largeUnit} ${small} ${smallUnit}`;
}
