/** A place in a grid. */
export interface GridCell {
  readonly row: number;
  readonly column: number;
}

/** A rectangle of cells. */
export interface GridBlock extends GridCell {
  readonly rows: number;
  readonly columns: number;
}

export function blockBetween(a: GridCell, b: GridCell): GridBlock {
  return {
    row: Math.min(a.row, b.row),
    column: Math.min(a.column, b.column),
    rows: Math.abs(a.row - b.row) + 1,
    columns: Math.abs(a.column - b.column) + 1,
  };
}

export function containsCell(block: GridBlock, row: number, column: number): boolean {
  return (
    row >= block.row &&
    row < block.row + block.rows &&
    column >= block.column &&
    column < block.column + block.columns
  );
}
