import type { ReadTensorRange } from "../tensors/readTensorRange";
import type { Tensor } from "../tensors/tensor";
import { elementSpace } from "./elementSpace";
import { cutToSlice, readAnyBlock } from "./readBlock";
import type { SliceBlock, TensorSlice } from "./tensorSlice";

/** A part of a slice in few enough cells to be looked at. Plain data. */
export interface HeatMap extends SliceBlock {
  /** Cells of the picture; each is a block of values. */
  readonly cellRows: number;
  readonly cellColumns: number;
  /** Means of the finite values of each cell, row by row; NaN where there is none. */
  readonly mean: Float32Array;
  /** Their largest magnitudes. */
  readonly absMax: Float32Array;
  /** Values that are NaN or infinite. */
  readonly notFinite: Uint32Array;
}

/** In either direction: as a message the picture stays below 1 MB. */
const mostHeatMapCells = 256;

const chunkValues = 262_144;

/**
 * Block means and largest magnitudes of a part of a slice. Reads all of it; `onRows` hears how far it is.
 * @throws UnsupportedDtypeError for dtypes whose values nobody can tell.
 */
export async function heatMap(
  tensor: Tensor,
  slice: TensorSlice,
  part: SliceBlock,
  read: ReadTensorRange,
  onRows: (done: number, total: number) => void,
  signal?: AbortSignal,
): Promise<HeatMap> {
  const block = cutToSlice(tensor, slice, part);
  const cellRows = Math.min(mostHeatMapCells, block.rows);
  const cellColumns = Math.min(mostHeatMapCells, block.columns);
  const cells = new HeatCells(block, cellRows, cellColumns);
  const { rowStride, columnStride } = elementSpace(tensor, slice);
  // Values are read in the order in which they lie, or each row of a turned slice would be a read for every value.
  const isTurned = columnStride > rowStride && block.rows > 1;
  const lines = isTurned ? block.columns : block.rows;
  const linesAtOnce = Math.max(
    1,
    Math.floor(chunkValues / Math.max(1, isTurned ? block.rows : block.columns)),
  );
  for (let line = 0; line < lines; line += linesAtOnce) {
    signal?.throwIfAborted();
    const count = Math.min(linesAtOnce, lines - line);
    const wanted = isTurned
      ? { ...block, column: block.column + line, columns: count }
      : { ...block, row: block.row + line, rows: count };
    const { values, imaginary } = await readAnyBlock(tensor, slice, wanted, read, signal);
    cells.add(wanted, values, imaginary);
    onRows(line + count, lines);
  }
  return { ...block, cellRows, cellColumns, ...cells.finish() };
}

class HeatCells {
  private readonly sums: Float64Array;
  private readonly counts: Float64Array;
  private readonly absMax: Float32Array;
  private readonly notFinite: Uint32Array;

  constructor(
    private readonly block: SliceBlock,
    private readonly rows: number,
    private readonly columns: number,
  ) {
    this.sums = new Float64Array(rows * columns);
    this.counts = new Float64Array(rows * columns);
    this.absMax = new Float32Array(rows * columns).fill(Number.NaN);
    this.notFinite = new Uint32Array(rows * columns);
  }

  /** A complex value counts as its magnitude. */
  add(part: SliceBlock, values: Float64Array, imaginary: Float64Array | undefined): void {
    const { block, rows, columns } = this;
    const columnCells = Uint32Array.from({ length: part.columns }, (_, column) =>
      Math.floor(((part.column - block.column + column) * columns) / block.columns),
    );
    for (let row = 0, at = 0; row < part.rows; row++) {
      const first = Math.floor(((part.row - block.row + row) * rows) / block.rows) * columns;
      for (let column = 0; column < part.columns; column++, at++) {
        const real = values[at] as number;
        const value = imaginary === undefined ? real : Math.hypot(real, imaginary[at] as number);
        this.addValue(first + (columnCells[column] as number), value);
      }
    }
  }

  finish(): Pick<HeatMap, "mean" | "absMax" | "notFinite"> {
    const mean = Float32Array.from(this.sums, (sum, cell) => sum / (this.counts[cell] as number));
    return { mean, absMax: this.absMax, notFinite: this.notFinite };
  }

  private addValue(cell: number, value: number): void {
    if (value - value !== 0) {
      this.notFinite[cell] = (this.notFinite[cell] as number) + 1;
      return;
    }
    this.sums[cell] = (this.sums[cell] as number) + value;
    this.counts[cell] = (this.counts[cell] as number) + 1;
    const magnitude = Math.abs(value);
    if (!(magnitude <= (this.absMax[cell] as number))) this.absMax[cell] = magnitude;
  }
}

/** Rows and columns of the slice that a cell of the picture stands for. */
export function valuesOfCell(map: HeatMap, cellRow: number, cellColumn: number): SliceBlock {
  // The least values v with floor(v · cells / size) = cell.
  const firstOf = (cell: number, cells: number, size: number) => Math.ceil((cell * size) / cells);
  const row = firstOf(cellRow, map.cellRows, map.rows);
  const column = firstOf(cellColumn, map.cellColumns, map.columns);
  return {
    row: map.row + row,
    column: map.column + column,
    rows: firstOf(cellRow + 1, map.cellRows, map.rows) - row,
    columns: firstOf(cellColumn + 1, map.cellColumns, map.columns) - column,
  };
}
