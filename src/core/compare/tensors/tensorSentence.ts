import { sameItems } from "../../lists/sameItems";
import { storedType } from "../../tensors/tensor";
import { formatNumber, plural } from "../../text/quantities";
import type { AlignedRow } from "./alignTensors";
import type { DiffTable } from "./diffTable";
import { costText, quantisationCost, typedRows } from "./quantisationCost";

/**
 * What happened to the tensors from one snapshot to its neighbour, in one sentence: of their values where they were
 * compared, otherwise of their names and shapes alone. What optimizers keep is not counted.
 */
export function tensorSentence(
  rows: readonly AlignedRow[],
  from: number,
  to: number,
  table: DiffTable | undefined,
): string {
  const counts = { common: 0, shape: 0, dtype: 0, added: 0, removed: 0, changed: 0, equal: 0, broken: 0 };
  const changes: number[] = [];
  const pair = table?.pairs.findIndex(({ a, b }) => a === from && b === to) ?? -1;
  for (const [row, { tensors, part }] of rows.entries()) {
    if (part !== undefined) continue;
    const [before, after] = [tensors[from], tensors[to]];
    if (before === undefined && after === undefined) continue;
    if (before === undefined) counts.added++;
    else if (after === undefined) counts.removed++;
    else if (!sameItems(before.shape, after.shape)) counts.shape++;
    else {
      counts.common++;
      if (storedType(before) !== storedType(after)) counts.dtype++;
      const isChanged = pair < 0 ? undefined : table?.isChanged(row, pair);
      if (isChanged === undefined) continue;
      const isBroken = (table?.number(row, pair, "mismatches") ?? 0) > 0;
      if (isBroken) counts.broken++;
      // What is left of such a tensor may well not differ: a change of 0 would say that nothing happened to it.
      else if (isChanged) changes.push(table?.number(row, pair, "relativeL2") ?? Number.NaN);
      counts[isChanged ? "changed" : "equal"]++;
    }
  }
  const others = [
    ...(counts.broken > 0 ? [`${counts.broken} with values that are NaN or infinite in one alone`] : []),
    ...(counts.dtype > 0 ? [`${counts.dtype} of another dtype`] : []),
    ...(counts.shape > 0 ? [`${counts.shape} of another shape`] : []),
    ...(counts.added > 0 ? [`${counts.added} added`] : []),
    ...(counts.removed > 0 ? [`${counts.removed} no longer there`] : []),
  ];
  const cost = table && costText(quantisationCost(typedRows(rows), from, to, table));
  const isAll = counts.shape + counts.added + counts.removed === 0;
  return [mainClause(counts, changes, isAll), ...others, ...(cost === undefined ? [] : [cost])].join("; ");
}

interface Counts {
  readonly common: number;
  readonly changed: number;
  readonly equal: number;
}

/** @param isAll neither has tensors beyond those in common: "all" is said of nothing less. */
function mainClause({ common, changed, equal }: Counts, changes: readonly number[], isAll: boolean): string {
  if (common === 0) return "the two have no tensor of one name and shape in common";
  const known = changed + equal;
  const all = plural(common, "tensor");
  if (known === 0) return `${all} of one name and shape in both, whose values were not compared`;
  const unknown = common - known === 0 ? "" : `; ${common - known} could not be compared`;
  if (changed === 0) {
    if (equal < common) return `${equal} of ${all} ${equal === 1 ? "is" : "are"} equal${unknown}`;
    if (equal === 1) return isAll ? "the only tensor is equal" : "1 tensor is equal";
    return `${isAll ? "all " : ""}${all} are equal`;
  }
  const rest = equal === 0 ? "" : `; ${equal} equal`;
  return `${changed} of ${all} changed${rangeOf(changes)}${rest}${unknown}`;
}

function rangeOf(changes: readonly number[]): string {
  const finite = changes.filter(Number.isFinite).sort((a, b) => a - b);
  const [least, most] = [finite[0], finite.at(-1)];
  if (least === undefined || most === undefined) return "";
  const [low, high] = [formatNumber(least, 3), formatNumber(most, 3)];
  return low === high ? `, relative L2 ${low}` : `, relative L2 ${low} to ${high}`;
}
