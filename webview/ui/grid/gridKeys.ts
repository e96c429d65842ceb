import type { GridBlock, GridCell } from "./gridCell";

/** Where a key leads in a grid, as in a spreadsheet; undefined for another key. */
export function cellForKey(
  event: Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey" | "altKey">,
  { row, column }: GridCell,
  { rows, columns }: Pick<GridBlock, "rows" | "columns">,
  pageRows: number,
): GridCell | undefined {
  if (event.altKey) return undefined;
  const far = event.ctrlKey || event.metaKey;
  const [lastRow, lastColumn] = [rows - 1, columns - 1];
  const to = (toRow: number, toColumn: number): GridCell => ({
    row: Math.min(lastRow, Math.max(0, toRow)),
    column: Math.min(lastColumn, Math.max(0, toColumn)),
  });
  switch (event.key) {
    case "ArrowDown":
      return to(far ? lastRow : row + 1, column);
    case "ArrowUp":
      return to(far ? 0 : row - 1, column);
    case "ArrowRight":
      return to(row, far ? lastColumn : column + 1);
    case "ArrowLeft":
      return to(row, far ? 0 : column - 1);
    case "PageDown":
      return to(row + pageRows, column);
    case "PageUp":
      return to(row - pageRows, column);
    case "Home":
      return to(far ? 0 : row, 0);
    case "End":
      return to(far ? lastRow : row, lastColumn);
    default:
      return undefined;
  }
}
