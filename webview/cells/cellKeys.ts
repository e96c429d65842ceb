import type { GridCell } from "../ui/grid/gridCell";
import { cellForKey } from "../ui/grid/gridKeys";

export interface CellKeysOptions {
  readonly rows: number;
  readonly columns: number;
  /** Home and End lead to the corners in place of the ends of the row. */
  readonly corners: boolean;
  /** Places that are passed over. */
  readonly holds: (cell: GridCell) => boolean;
}

const ways: Partial<Record<string, readonly [rows: number, columns: number]>> = {
  ArrowRight: [0, 1],
  ArrowLeft: [0, -1],
  ArrowDown: [1, 0],
  ArrowUp: [-1, 0],
  // What lies at the end may hold nothing: then back from it.
  Home: [0, 1],
  End: [0, -1],
  PageDown: [-1, 0],
  PageUp: [1, 0],
};

/** Where a key leads among the places of a map that hold something; undefined for another key. */
export function cellKey(
  event: Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey" | "altKey">,
  from: GridCell,
  { rows, columns, corners, holds }: CellKeysOptions,
): GridCell | undefined {
  const { key, altKey, metaKey } = event;
  const ctrlKey = event.ctrlKey || (corners && (key === "Home" || key === "End"));
  const aimed = cellForKey(
    { key, ctrlKey, metaKey, altKey },
    from,
    { rows, columns },
    Math.max(1, rows >> 3),
  );
  if (aimed === undefined) return undefined;
  const [down, right] = ways[key] ?? [0, 0];
  for (
    let { row, column } = aimed;
    row >= 0 && row < rows && column >= 0 && column < columns;
    row += down, column += right
  ) {
    if (holds({ row, column })) return { row, column };
    if (down === 0 && right === 0) break;
  }
  return from;
}
