import { sameItems } from "../../lists/sameItems";
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
  const counts = { common: 0, shape: 0, added: 0, removed: 0, changed: 0, equal: 0 };
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
      const isChanged = pair < 0 ? undefined : table?.isChanged(row, pair);
      if (isChanged === undefined) continue;
      if (isChanged) changes.push(table?.number(row, pair, "relativeL2") ?? Number.NaN);
      counts[isChanged ? "changed" : "equal"]++;
    }
  }
  const others = [
    ...(counts.shape > 0 ? [`${counts.shape} of another shape`] : []),
    ...(counts.added > 0 ? [`${counts.added} added`] : []),
    ...(counts.removed > 0 ? [`${counts.removed} no longer there`] : []),
  ];
  const cost = table && costText(quantisationCost(typedRows(rows), from, to, table));
  return [mainClause(counts, changes), ...others, ...(cost === undefined ? [] : [cost])].join("; ");
}

interface Counts {
  readonly common: number;
  readonly changed: number;
  readonly equal: number;
}

function mainClause({ common, changed, equal }: Counts, changes: readonly number[]): string {
  if (common === 0) return "the two have no tensor of one name and shape in common";
  const known = changed + equal;
  const all = plural(common, "tensor");
  if (known === 0) return `${all} of one name and shape in both, whose values were not compared`;
  const unknown = common - known === 0 ? "" : `; ${common - known} could not be compared`;
  if (changed === 0) return `${equal === common ? `all ${all}` : `${equal} of ${all}`} are equal${unknown}`;
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
