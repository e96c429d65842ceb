import type { Problem } from "../problem/problem";
import { plural } from "../text/quantities";
import type { CompareView } from "./compareView";
import type { AlignedRow } from "./tensors/alignTensors";
import type { DiffTable } from "./tensors/diffTable";

/**
 * Snapshots of two steps whose weights are the same value by value: a training that moved nothing (all frozen, a rate
 * of 0, an optimizer that holds other parameters), or one save under two names. Said only where every weight of the
 * two was compared.
 * @param table undefined where the values were not compared
 */
export function unmovedWeights(
  view: CompareView,
  rows: readonly AlignedRow[],
  table: DiffTable | undefined,
): Problem[] {
  return (view.steps ?? []).flatMap(({ from, to, ofTensors, change }) => {
    const [before, after] = [view.columns[from], view.columns[to]];
    if (before?.step === undefined || after?.step === undefined || before.step === after.step) return [];
    let same: string;
    if (ofTensors === true) {
      const pair = table?.pairs.findIndex(({ a, b }) => a === from && b === to) ?? -1;
      if (table === undefined || pair < 0) return [];
      const weights = [...rows.keys()].filter((row) => {
        const { part, tensors } = rows[row] ?? {};
        return part === undefined && (tensors?.[from] ?? tensors?.[to]) !== undefined;
      });
      if (weights.length === 0 || weights.some((row) => table.isChanged(row, pair) !== false)) return [];
      same = plural(weights.length, "tensor");
    } else {
      if (change?.sameness !== "bytes") return [];
      same = "factors of the adapter";
    }
    const message = `${before.label} is of step ${before.step} and ${after.label} of step ${after.step}, but their ${same} hold the same values: nothing was learned between them, or one was saved in place of the other.`;
    return [{ severity: "warning", code: "WeightsUnmoved", message } as const];
  });
}
