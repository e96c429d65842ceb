import { type NameTest, namePattern } from "../text/namePattern";
import type { TensorTable } from "./tensorTable";

export type TensorSortKey = "name" | "dtype" | "shape" | "parameters" | "byteSize" | "offset" | "file";

export interface TensorQuery {
  /** Every word must occur in the name, in any order and case; or one regular expression. */
  readonly text: string;
  readonly regex: boolean;
  /** Empty means all. */
  readonly dtypes: ReadonlySet<string>;
}

export interface TensorSort {
  readonly key: TensorSortKey;
  readonly descending: boolean;
}

/**
 * Rows of the table that match, in name order.
 * @throws SyntaxError for a regular expression that is none, or would take too long
 */
export function filterTensors(table: TensorTable, query: TensorQuery): Uint32Array {
  const matches = nameMatcher(query);
  const rows = new Uint32Array(table.length);
  let count = 0;
  for (let row = 0; row < table.length; row++) {
    if (query.dtypes.size > 0 && !query.dtypes.has(table.dtype(row))) continue;
    if (matches(table.name(row))) rows[count++] = row;
  }
  return rows.slice(0, count);
}

function nameMatcher({ text, regex }: TensorQuery): NameTest {
  const trimmed = text.trim();
  if (trimmed === "") return () => true;
  if (regex) return namePattern(trimmed);
  const words = trimmed.toLowerCase().split(/\s+/);
  return (name) => {
    const lowerName = name.toLowerCase();
    return words.every((word) => lowerName.includes(word));
  };
}

/** Sorts rows by a column; rows that are equal in it stay in name order. */
export function sortTensors(
  table: TensorTable,
  rows: Uint32Array,
  { key, descending }: TensorSort,
): Uint32Array {
  const order = rows.slice();
  if (key === "name") return descending ? order.reverse() : order;
  const sign = descending ? -1 : 1;
  const compare = comparators[key](table);
  // Uint32Array.sort is stable in ES2019 and later, so name order breaks ties.
  return order.sort((a, b) => sign * compare(a, b));
}

type RowComparator = (a: number, b: number) => number;

const comparators: Record<Exclude<TensorSortKey, "name">, (table: TensorTable) => RowComparator> = {
  dtype: (table) => (a, b) => compareStrings(table.dtype(a), table.dtype(b)),
  shape: (table) => (a, b) => compareShapes(table.shape(a), table.shape(b)),
  parameters: (table) => (a, b) => table.parameters(a) - table.parameters(b),
  byteSize: (table) => (a, b) => table.byteSize(a) - table.byteSize(b),
  offset: (table) => (a, b) => table.fileIndex(a) - table.fileIndex(b) || table.offset(a) - table.offset(b),
  file: (table) => (a, b) => table.fileIndex(a) - table.fileIndex(b),
};

function compareStrings(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** By number of axes, then by size from the outermost axis. */
function compareShapes(a: readonly number[], b: readonly number[]): number {
  if (a.length !== b.length) return a.length - b.length;
  for (const [axis, size] of a.entries()) {
    const difference = size - (b[axis] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
