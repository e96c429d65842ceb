import type { ReadTensorRange } from "../tensors/readTensorRange";
import type { Tensor } from "../tensors/tensor";
import { elementSpace } from "./elementSpace";
import { cutToSlice, readAnyBlock } from "./readBlock";
import type { SliceBlock, TensorSlice } from "./tensorSlice";

/** A part of a slice in few enough cells to be looked at. Plain data. */
export interface HeatMap extends SliceBlock, HeatCells {
  /** Cells of the picture; each is a block of values. */
  readonly cellRows: number;
  readonly cellColumns: number;
}

/** What cells say of their values, row by row. */
export interface HeatCells {
  /** Means of the finite values of each cell; NaN where there is none. */
  readonly mean: Float32Array;
  /** Their largest magnitudes. */
  readonly absMax: Float32Array;
  /** Values that are NaN or infinite. */
  readonly notFinite: Uint32Array;
}

/** Cells that are summed up by themselves: all of some rows of the picture, or of some columns. */
export interface HeatBand {
  readonly row: number;
  readonly column: number;
  readonly rows: number;
  readonly columns: number;
}

/** How a picture is made. Plain data. */
export interface HeatPlan {
  readonly block: SliceBlock;
  readonly cellRows: number;
  readonly cellColumns: number;
  /** Columns of the slice lie one after the other, and not its rows. */
  readonly isTurned: boolean;
  /**
   * No cell is in two of them, so that its sum is the same whoever makes the others. They follow from the part alone:
   * the number of threads changes nothing.
   */
  readonly bands: readonly HeatBand[];
}

/** In either direction: as a message the picture stays below 1 MB. */
const mostHeatMapCells = 256;

const chunkValues = 262_144;

/** A band is done before anybody would wait for it. */
const valuesOfBand = 1_048_576;

/**
 * The part of the slice that is shown, and the bands of its picture.
 * @throws UnsupportedDtypeError for dtypes whose values nobody can tell.
 * @throws RangeError where the slice is none of the tensor's.
 */
export function planHeatMap(tensor: Tensor, slice: TensorSlice, part: SliceBlock): HeatPlan {
  const block = cutToSlice(tensor, slice, part);
  const cellRows = Math.min(mostHeatMapCells, block.rows);
  const cellColumns = Math.min(mostHeatMapCells, block.columns);
  const { rowStride, columnStride } = elementSpace(tensor, slice);
  // Values are read in the order in which they lie, or each row of a turned slice would be a read for every value.
  const isTurned = columnStride > rowStride && block.rows > 1;
  const wanted = Math.max(1, Math.ceil((block.rows * block.columns) / valuesOfBand));
  // Along what lies apart, unless that has too few cells: a vector has one row.
  const byColumns = isTurned ? cellColumns >= wanted : cellRows < wanted && cellColumns > cellRows;
  const cells = byColumns ? cellColumns : cellRows;
  const step = Math.max(1, Math.floor(cells / wanted));
  const bands: HeatBand[] = [];
  for (let first = 0; first < cells && cellRows * cellColumns > 0; first += step) {
    const count = Math.min(step, cells - first);
    bands.push(
      byColumns
        ? { row: 0, rows: cellRows, column: first, columns: count }
        : { row: first, rows: count, column: 0, columns: cellColumns },
    );
  }
  return { block, cellRows, cellColumns, isTurned, bands };
}

/** Reads the values of a band. @param onValues told of values as they are read; throws to stop. */
export async function readHeatBand(
  tensor: Tensor,
  slice: TensorSlice,
  plan: HeatPlan,
  band: HeatBand,
  read: ReadTensorRange,
  onValues: (count: number) => void,
): Promise<HeatCells> {
  const own = valuesOfCells(plan, band);
  const sums = new BandSums(plan, band);
  const [lines, length] = plan.isTurned ? [own.columns, own.rows] : [own.rows, own.columns];
  const lengthAtOnce = Math.max(1, Math.min(length, chunkValues));
  const linesAtOnce = Math.floor(chunkValues / lengthAtOnce);
  for (let line = 0; line < lines; line += linesAtOnce) {
    for (let at = 0; at < length; at += lengthAtOnce) {
      const across = { from: line, count: Math.min(linesAtOnce, lines - line) };
      const along = { from: at, count: Math.min(lengthAtOnce, length - at) };
      const [rows, columns] = plan.isTurned ? [along, across] : [across, along];
      const wanted = {
        row: own.row + rows.from,
        rows: rows.count,
        column: own.column + columns.from,
        columns: columns.count,
      };
      const { values, imaginary } = await readAnyBlock(tensor, slice, wanted, read);
      sums.add(wanted, values, imaginary);
      onValues(values.length);
    }
  }
  return sums.finish();
}

/** A picture whose bands come one by one. */
export class HeatPicture {
  private readonly cells: HeatCells;

  constructor(private readonly plan: HeatPlan) {
    const count = plan.cellRows * plan.cellColumns;
    this.cells = {
      mean: new Float32Array(count),
      absMax: new Float32Array(count),
      notFinite: new Uint32Array(count),
    };
  }

  put(band: HeatBand, found: HeatCells): void {
    for (const key of ["mean", "absMax", "notFinite"] as const)
      for (let row = 0; row < band.rows; row++)
        this.cells[key].set(
          found[key].subarray(row * band.columns, (row + 1) * band.columns),
          (band.row + row) * this.plan.cellColumns + band.column,
        );
  }

  finish(): HeatMap {
    const { block, cellRows, cellColumns } = this.plan;
    return { ...block, cellRows, cellColumns, ...this.cells };
  }
}

/**
 * Block means and largest magnitudes of a part of a slice. Reads all of it, band after band.
 * @throws as `planHeatMap`.
 */
export async function heatMap(
  tensor: Tensor,
  slice: TensorSlice,
  part: SliceBlock,
  read: ReadTensorRange,
  onValues: (done: number, total: number) => void,
  signal?: AbortSignal,
): Promise<HeatMap> {
  const plan = planHeatMap(tensor, slice, part);
  const picture = new HeatPicture(plan);
  let done = 0;
  const told = (count: number) => {
    signal?.throwIfAborted();
    done += count;
    onValues(done, plan.block.rows * plan.block.columns);
  };
  for (const band of plan.bands) picture.put(band, await readHeatBand(tensor, slice, plan, band, read, told));
  return picture.finish();
}

class BandSums {
  private readonly sums: Float64Array;
  private readonly counts: Float64Array;
  private readonly absMax: Float32Array;
  private readonly notFinite: Uint32Array;

  constructor(
    private readonly plan: HeatPlan,
    private readonly band: HeatBand,
  ) {
    const cells = band.rows * band.columns;
    this.sums = new Float64Array(cells);
    this.counts = new Float64Array(cells);
    this.absMax = new Float32Array(cells).fill(Number.NaN);
    this.notFinite = new Uint32Array(cells);
  }

  /** A complex value counts as its magnitude. */
  add(part: SliceBlock, values: Float64Array, imaginary: Float64Array | undefined): void {
    const { plan, band } = this;
    const { block, cellRows, cellColumns } = plan;
    const columnCells = Uint32Array.from(
      { length: part.columns },
      (_, column) =>
        Math.floor(((part.column - block.column + column) * cellColumns) / block.columns) - band.column,
    );
    for (let row = 0, at = 0; row < part.rows; row++) {
      const cellRow = Math.floor(((part.row - block.row + row) * cellRows) / block.rows) - band.row;
      const first = cellRow * band.columns;
      for (let column = 0; column < part.columns; column++, at++) {
        const real = values[at] as number;
        const value = imaginary === undefined ? real : Math.hypot(real, imaginary[at] as number);
        this.addValue(first + (columnCells[column] as number), value);
      }
    }
  }

  finish(): HeatCells {
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
  const { row, column, rows, columns, cellRows, cellColumns } = map;
  const plan = { block: { row, column, rows, columns }, cellRows, cellColumns };
  return valuesOfCells(plan, { row: cellRow, column: cellColumn, rows: 1, columns: 1 });
}

function valuesOfCells(
  { block, cellRows, cellColumns }: Pick<HeatPlan, "block" | "cellRows" | "cellColumns">,
  cells: HeatBand,
): SliceBlock {
  // The least values v with floor(v · cells / size) = cell.
  const firstOf = (cell: number, cells: number, size: number) => Math.ceil((cell * size) / cells);
  const row = firstOf(cells.row, cellRows, block.rows);
  const column = firstOf(cells.column, cellColumns, block.columns);
  return {
    row: block.row + row,
    column: block.column + column,
    rows: firstOf(cells.row + cells.rows, cellRows, block.rows) - row,
    columns: firstOf(cells.column + cells.columns, cellColumns, block.columns) - column,
  };
}
