import { formatNumber } from "../../src/core/text/quantities";

/** Four digits, zeros at the end included: numbers under each other should end at one line. */
export function formatNorm(value: number): string {
  const magnitude = Math.abs(value);
  return magnitude >= 1e-3 && magnitude < 1e4 ? value.toPrecision(4) : formatNumber(value, 4);
}

export function formatLoss(loss: number): string {
  return Math.abs(loss) >= 0.01 && Math.abs(loss) < 1e4 ? loss.toFixed(4) : formatNumber(loss, 5);
}

/** A relative change as a percentage; without one in sight, in words. */
export function formatChange(change: number): string {
  if (Number.isNaN(change)) return "NaN";
  if (!Number.isFinite(change)) return "from zero";
  const percent = change * 100;
  if (percent === 0) return "0 %";
  if (percent < 0.01) return "< 0.01 %";
  if (percent >= 1e6) return `${percent.toExponential(2)} %`;
  const digits = percent < 1 ? 2 : percent < 1000 ? 1 : 0;
  return `${percent.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits })} %`;
}

/** Never rounds up to 1, which would say "the same direction" of two that are not. */
export function formatCosine(cosine: number): string {
  const text = formatFixed(cosine, 4);
  if (cosine >= 1 - 1e-12) return "1";
  return text === "1.0000" ? "> 0.9999" : text;
}

/** A share between 0 and 1 with one decimal; never rounds to nothing or to everything. */
export function formatShareOf(share: number): string {
  const percent = share * 100;
  if (Number.isNaN(percent)) return "NaN";
  if (percent > 0 && percent < 0.05) return "< 0.1 %";
  if (percent >= 99.95 && percent < 100 - 1e-9) return "> 99.9 %";
  return `${percent.toFixed(1)} %`;
}

/** How many digits stand after the point. */
export function decimalsOf(text: string): number {
  return /\.(\d+)/.exec(text)?.[1]?.length ?? 0;
}

function formatFixed(value: number, digits: number): string {
  return Number.isFinite(value) ? value.toFixed(digits).replace(/^-(0\.0+)$/, "$1") : formatNumber(value);
}

/** "+12.0 %" or "−6.5 %" from one value to another; empty where a share of nothing would be meant. */
export function formatDifference(from: number, to: number): string {
  if (from === 0 || !Number.isFinite(from) || !Number.isFinite(to)) return "";
  const share = (to - from) / Math.abs(from);
  if (share === 0) return "unchanged";
  return `${share > 0 ? "+" : "−"}${formatChange(Math.abs(share))}`;
}
