import type { BaseComparison } from "../base/compareWithBase";
import { printable } from "../text/printable";
import { formatNumber, formatShare, plural } from "../text/quantities";
import { plainTable } from "./textTable";

/** An adapter held against the weights of a base model. */
export interface OverBase {
  readonly path: string;
  readonly comparison: BaseComparison;
}

/** What `inspect ADAPTER --base PATH --json` adds to `adapter`. */
export function baseReport({ path, comparison: { ratio, modules } }: OverBase) {
  return { path, ...(ratio === undefined ? {} : { ratio }), modules };
}

/** The same for people. */
export function baseText({ path, comparison: { ratio, modules } }: OverBase): string {
  if (ratio === undefined) return `No module could be held against ${printable(path)}.`;
  const rows = modules.map(({ module, norm, baseNorm, ratio: share }) => [
    module,
    formatNumber(norm),
    formatNumber(baseNorm),
    formatShare(share),
  ]);
  const sentence = `Over ${printable(path)}: ‖ΔW‖ is ${formatShare(ratio)} of ‖W‖ in ${plural(modules.length, "module")}.`;
  return `${sentence}\n\n${plainTable(["Module", "‖ΔW‖", "‖W‖", "Share"], rows)}`;
}
