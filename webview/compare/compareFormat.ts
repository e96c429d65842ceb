import { formatCount, formatNumber } from "../../src/core/text/quantities";
import type { MetricId } from "./moduleRows";

export const metricTitles: Readonly<Record<MetricId, { readonly short: string; readonly help: string }>> = {
  rank: { short: "Rank", help: "Rank of the factors in the file" },
  frobenius: { short: "‖ΔW‖", help: "Frobenius norm of the update ΔW = scale · B · A" },
  relativeChange: {
    short: "Change",
    help: "‖ΔW − ΔW₁‖ / ‖ΔW₁‖, where ΔW₁ is the update in the first snapshot",
  },
  cosine: {
    short: "Cosine",
    help: "Cosine between the update and the one in the first snapshot: 1 is the same direction",
  },
  spectral: { short: "σ₁", help: "Largest singular value of ΔW" },
  stableRank: { short: "Stable rank", help: "‖ΔW‖² / σ₁²" },
  effectiveRank: { short: "Eff. rank", help: "Exponential of the entropy of the singular values" },
};

export function formatMetric(metric: MetricId, value: number): string {
  switch (metric) {
    case "rank":
      return formatCount(value);
    case "relativeChange":
      return formatChange(value);
    case "cosine":
      return formatCosine(value);
    case "stableRank":
    case "effectiveRank":
      return value.toFixed(2);
    default:
      return formatNorm(value);
  }
}

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
  const digits = percent < 1 ? 2 : percent < 1000 ? 1 : 0;
  return `${percent.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits })} %`;
}

/** Never rounds up to 1, which would say "the same direction" of two that are not. */
export function formatCosine(cosine: number): string {
  const text = formatFixed(cosine, 4);
  if (cosine >= 1 - 1e-12) return "1";
  return text === "1.0000" ? "> 0.9999" : text;
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
