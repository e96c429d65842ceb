import { storedType } from "../../tensors/tensor";
import { formatNumber, plural } from "../../text/quantities";
import type { AlignedRow } from "./alignTensors";
import type { DiffTable } from "./diffTable";

/** A row of a comparison, with the types that its tensors are stored as. */
export interface TypedRow {
  /** Its row of the `DiffTable`. */
  readonly index: number;
  readonly name: string;
  /** One for each column; undefined where it lacks the tensor. */
  readonly types: readonly (string | undefined)[];
  readonly part?: "optimizer" | undefined;
}

/** What one way to quantise weights cost, against weights that are not quantised. */
export interface QuantisationCost {
  /** As rows name it: "Q4_K", "NF4". */
  readonly type: string;
  readonly tensors: number;
  readonly medianRelativeL2: number;
  readonly largestRelativeL2: number;
  /** The tensor that has it. */
  readonly largest: string;
}

/** By type, the most expensive first; of the pair of columns `from` and `to`. Empty where neither is quantised alone. */
export function quantisationCost(
  rows: readonly TypedRow[],
  from: number,
  to: number,
  table: DiffTable,
): readonly QuantisationCost[] {
  const pair = table.pairs.findIndex(({ a, b }) => a === from && b === to);
  const byType = new Map<string, { readonly name: string; readonly row: number; readonly l2: number }[]>();
  for (const { index: row, name, types, part } of rows) {
    const [before, after] = [types[from], types[to]];
    if (before === undefined || after === undefined || isPlain(before) === isPlain(after)) continue;
    const type = isPlain(before) ? after : before;
    const l2 = table.numbers(row, pair)?.relativeL2;
    if (part !== undefined || l2 === undefined || !Number.isFinite(l2)) continue;
    byType.set(type, [...(byType.get(type) ?? []), { name, row, l2 }]);
  }
  const costs = [...byType].map(([type, found]): QuantisationCost => {
    const sorted = found.toSorted((a, b) => a.l2 - b.l2);
    const last = sorted[sorted.length - 1] as (typeof sorted)[number];
    return {
      type,
      tensors: found.length,
      medianRelativeL2: (sorted[Math.floor((sorted.length - 1) / 2)] as (typeof sorted)[number]).l2,
      largestRelativeL2: last.l2,
      largest: last.name,
    };
  });
  return costs.sort((a, b) => b.medianRelativeL2 - a.medianRelativeL2);
}

export function typedRows(rows: readonly AlignedRow[]): readonly TypedRow[] {
  return rows.map(({ name, tensors, part }, index) => ({
    index,
    name,
    part,
    types: tensors.map((tensor) => tensor && storedType(tensor)),
  }));
}

/** Types whose values are the numbers themselves. */
function isPlain(type: string): boolean {
  return /^(?:BF16|F16|F32|F64|[IUC]\d+|BOOL)$/.test(type);
}

/** Types of quantised weights that are told one by one. */
const maxTypes = 6;

/** Undefined where neither of the two is quantised alone. */
export function costText(costs: readonly QuantisationCost[]): string | undefined {
  if (costs.length === 0) return undefined;
  const each = costs
    .slice(0, maxTypes)
    .map(({ type, tensors, medianRelativeL2, largestRelativeL2, largest }) => {
      const most = `at most ${formatNumber(largestRelativeL2, 3)}: ${largest}`;
      const where = tensors === 1 ? largest : `median of ${plural(tensors, "tensor")}, ${most}`;
      return `${type} ${formatNumber(medianRelativeL2, 3)} (${where})`;
    });
  const more = costs.length > maxTypes ? [`${costs.length - maxTypes} more types`] : [];
  return `what quantisation cost, as relative L2: ${[...each, ...more].join(", ")}`;
}
