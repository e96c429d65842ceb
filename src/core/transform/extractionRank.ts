import type { DifferenceNumbers } from "../base/weightDifference";
import { shareTolerance } from "../update/rankChoice";

/** How many components an extraction keeps. */
export type ExtractionRule =
  | { readonly kind: "rank"; readonly rank: number }
  /** Fewest with this share of ‖W - W_base‖_F², up to `maxRank`. */
  | { readonly kind: "energy"; readonly share: number; readonly maxRank: number };

export function largestRank(rule: ExtractionRule): number {
  return rule.kind === "rank" ? rule.rank : rule.maxRank;
}

/** Directions searched for beyond the rank: more where the rank is higher (lora.md §3.2). */
export function searchSize(rank: number): number {
  return rank + Math.min(64, Math.max(16, rank));
}

/** @param values of the difference, largest first, as far as they were found. */
export function rankOfExtraction(
  rule: ExtractionRule,
  values: Float64Array,
  { norm }: DifferenceNumbers,
): number {
  const largest = Math.max(1, Math.min(largestRank(rule), values.length));
  if (rule.kind === "rank") return largest;
  let reached = 0;
  for (let k = 0; k < largest; k++) {
    reached += (values[k] as number) ** 2;
    if (reached >= (rule.share - shareTolerance) * norm * norm) return k + 1;
  }
  return largest;
}
