import type { ShownRow } from "../../../src/core/compare/tensors/alignedChunk";
import { type DiffStatus, type DiffTable, diffStatus } from "../../../src/core/compare/tensors/diffTable";
import { formatCount } from "../../../src/core/text/quantities";
import type { TextTable } from "../../../src/core/text/tableText";
import { formatChange, formatCosine, formatNorm } from "../compareFormat";
import type { DiffViewState, SortField } from "./diffViewState";

/** A row with what its values tell. */
export interface StatedRow extends ShownRow {
  readonly state: DiffStatus;
}

export const diffStatuses: readonly {
  readonly id: DiffStatus;
  readonly label: string;
  readonly help: string;
}[] = [
  { id: "changed", label: "changed", help: "Values differ" },
  { id: "equal", label: "equal", help: "All values are the same" },
  { id: "same layout", label: "same layout", help: "Same shape and dtype; the values are not compared yet" },
  { id: "shape", label: "other shape", help: "The shape differs, so that values are not compared" },
  { id: "dtype", label: "other dtype", help: "The shape is the same, the dtype differs" },
  { id: "added", label: "added", help: "Not in the first snapshot" },
  { id: "removed", label: "removed", help: "In the first snapshot, not in all others" },
];

export function statusLabel(row: StatedRow): string {
  if (row.transposed) return "transposed";
  return diffStatuses.find(({ id }) => id === row.state)?.label ?? row.state;
}

/** Rows whose state is what it was stay the same objects: of tens of thousands few change at a time. */
export function statedRows(
  rows: readonly ShownRow[],
  table: DiffTable,
  before: readonly StatedRow[] | undefined,
): readonly StatedRow[] {
  return rows.map((row, at) => {
    const state = diffStatus(row, row.index, table);
    const known = before?.[at];
    return known?.state === state && known.name === row.name ? known : { ...row, state };
  });
}

export function countStates(rows: readonly StatedRow[]): ReadonlyMap<DiffStatus, number> {
  const counts = new Map<DiffStatus, number>();
  for (const { state } of rows) counts.set(state, (counts.get(state) ?? 0) + 1);
  return counts;
}

/** Which pair a column shows: against the first, or against its left neighbour. Undefined for the first column. */
export function pairOfColumn(
  column: number,
  columns: number,
  against: DiffViewState["against"],
): number | undefined {
  if (column === 0) return undefined;
  return against === "first" || column === 1 ? column - 1 : columns - 1 + column - 2;
}

export interface RowQuery {
  readonly filter: string;
  readonly status: string | undefined;
  readonly viewState: DiffViewState;
  readonly columns: number;
}

export function queryRows(
  rows: readonly StatedRow[],
  table: DiffTable,
  { filter, status, viewState, columns }: RowQuery,
): readonly StatedRow[] {
  const words = filter.trim().toLowerCase().split(/\s+/);
  const found = rows.filter((row) => {
    if (status !== undefined && row.state !== status) return false;
    const name = row.name.toLowerCase();
    return words.every((word) => name.includes(word));
  });
  const { sort } = viewState;
  if (sort.by === "name") return found;
  if (sort.by === "change") {
    const weights = new Map(found.map((row) => [row, changeWeight(row, table, viewState, columns)]));
    return found.sort((a, b) => (weights.get(b) ?? 0) - (weights.get(a) ?? 0) || a.index - b.index);
  }
  const pair = pairOfColumn(sort.column, columns, viewState.against);
  if (pair === undefined || sort.column >= columns) return found;
  const { by, descending } = sort;
  return found.sort((a, b) => {
    const [x, y] = [table.number(a.index, pair, by), table.number(b.index, pair, by)];
    // What has no number comes last, whichever way.
    if (Number.isNaN(x) || Number.isNaN(y))
      return Number(Number.isNaN(x)) - Number(Number.isNaN(y)) || a.index - b.index;
    return (descending ? y - x : x - y) || a.index - b.index;
  });
}

/** Layouts that differ, then values by their largest relative change, then what is the same. */
function changeWeight(row: StatedRow, table: DiffTable, { against }: DiffViewState, columns: number): number {
  let largest = row.state === "same layout" ? 0 : -1;
  for (let column = 1; column < columns; column++) {
    const pair = pairOfColumn(column, columns, against) ?? 0;
    if (table.number(row.index, pair, "mismatches") > 0) return 1e300;
    const change = table.number(row.index, pair, "relativeL2");
    if (change > largest) largest = Math.min(change, 1e299);
    if (table.state(row.index, pair) === "other bytes") largest = Math.max(largest, 1e200);
  }
  if (row.state === "shape" || row.state === "added" || row.state === "removed") return 1e301;
  if (row.state === "dtype" && largest < 0) return 1e250;
  return largest;
}

export const fieldTitles: Readonly<Record<SortField, { readonly short: string; readonly help: string }>> = {
  relativeL2: { short: "Rel. L2", help: "‖b − a‖ / ‖a‖ over all values of the tensor" },
  maxAbs: { short: "Max |Δ|", help: "Largest absolute difference of a value" },
  cosine: { short: "Cosine", help: "Cosine between the two tensors: 1 is the same direction" },
};

export function formatField(field: SortField, value: number): string {
  if (Number.isNaN(value)) return "–";
  if (field === "relativeL2") return formatChange(value);
  return field === "cosine" ? formatCosine(value) : value === 0 ? "0" : formatNorm(value);
}

/** What one column says of a row in place of numbers. */
export function layoutCell(row: StatedRow, column: number): string {
  return row.layouts[column] ?? "not there";
}

/** How much of a snapshot changed, over all of its tensors that were compared. */
export interface DiffSummary {
  readonly compared: number;
  readonly changed: number;
  /** √Σ‖b − a‖² / √Σ‖a‖² */
  readonly relativeL2: number;
  readonly largest: { readonly row: StatedRow; readonly relativeL2: number } | undefined;
  /** Tensors with values that are NaN or infinite in one only. */
  readonly broken: number;
}

export function summariseDiff(rows: readonly StatedRow[], table: DiffTable, pair: number): DiffSummary {
  let [compared, changed, broken, squares, squaresA] = [0, 0, 0, 0, 0];
  let largest: DiffSummary["largest"];
  for (const row of rows) {
    const isChanged = table.isChanged(row.index, pair);
    if (isChanged === undefined) continue;
    compared++;
    if (isChanged) changed++;
    const normDifference = table.number(row.index, pair, "normDifference");
    if (table.number(row.index, pair, "mismatches") > 0) broken++;
    if (Number.isNaN(normDifference)) continue;
    squares += normDifference ** 2;
    squaresA += table.number(row.index, pair, "normA") ** 2;
    const relativeL2 = table.number(row.index, pair, "relativeL2");
    if (isChanged && (largest === undefined || relativeL2 > largest.relativeL2))
      largest = { row, relativeL2 };
  }
  const relativeL2 = squares === 0 ? 0 : Math.sqrt(squares / squaresA);
  return { compared, changed, relativeL2, largest, broken };
}

/** What is copied crosses as one message. */
const maxCopiedRows = 20_000;

/** The rows as they are shown, with all digits for a spreadsheet. */
export function diffText(
  rows: readonly StatedRow[],
  table: DiffTable,
  labels: readonly string[],
  against: DiffViewState["against"],
  digits: "shown" | "all",
): TextTable {
  const fields = ["relativeL2", "maxAbs", "cosine"] as const;
  const others = labels.slice(1).map((label, at) => ({ label, column: at + 1 }));
  const number = (row: number, pair: number, field: SortField | "changed") => {
    const value = table.number(row, pair, field);
    if (Number.isNaN(value)) return "";
    if (digits === "all") return String(value);
    return field === "changed" ? formatChange(value) : formatField(field, value);
  };
  const headers = [
    "Tensor",
    "Status",
    ...labels.map((label) => `Layout ${label}`),
    ...others.flatMap(({ label }) => [
      ...fields.map((field) => `${fieldTitles[field].short} ${label}`),
      `Changed ${label}`,
    ]),
  ];
  return {
    headers,
    rows: rows.slice(0, maxCopiedRows).map((row) => [
      row.name,
      statusLabel(row),
      ...labels.map((_, column) => row.layouts[column] ?? ""),
      ...others.flatMap(({ column }) => {
        const pair = pairOfColumn(column, labels.length, against) ?? 0;
        return [...fields, "changed" as const].map((field) => number(row.index, pair, field));
      }),
    ]),
    alignEnd: new Set(headers.flatMap((_, at) => (at > 1 + labels.length ? [at] : []))),
  };
}

export function mismatchText(count: number): string {
  return `${formatCount(count)} NaN/Inf`;
}
