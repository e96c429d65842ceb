import { rowAt, type ValueRows, valueRows } from "./valueRows";

/** A column of a table: values along the same axis as the other columns'. `x` ascends. */
export interface TableColumn {
  readonly x: Float64Array;
  readonly values: Float64Array;
}

/** Some rows of a table. Columns of equal length. */
export interface TablePage {
  readonly first: number;
  /** Rows of the whole table. */
  readonly count: number;
  readonly x: Float64Array<ArrayBuffer>;
  readonly columns: readonly {
    readonly values: Float64Array<ArrayBuffer>;
    /** 1 where the column has a value in that row, which may be NaN; else 0. */
    readonly present: Uint8Array<ArrayBuffer>;
  }[];
}

/** Several lines as one table: a row for each position at which any of them has a value. */
export class SeriesTable {
  private readonly rows: ValueRows;

  /** `lead` fills a first column for the rows that there are; where it gives NaN there is no value. */
  constructor(
    private readonly columns: readonly TableColumn[],
    lead?: (x: Float64Array) => Float64Array,
  ) {
    const rows = valueRows(columns.map(({ x }) => x));
    if (lead === undefined) {
      this.rows = rows;
      return;
    }
    const values = lead(rows.x);
    const own = Int32Array.from(values, (value, row) => (Number.isNaN(value) ? -1 : row));
    this.columns = [{ x: rows.x, values }, ...columns];
    this.rows = { x: rows.x, indices: [own, ...rows.indices] };
  }

  get count(): number {
    return this.rows.x.length;
  }

  page(first: number, length: number): TablePage {
    const start = Math.max(0, Math.min(first, this.count));
    const end = Math.max(start, Math.min(start + length, this.count));
    return {
      first: start,
      count: this.count,
      x: Float64Array.from(this.rows.x.subarray(start, end)),
      columns: this.columns.map(({ values }, at) => {
        const indices = this.rows.indices[at]?.subarray(start, end) ?? new Int32Array();
        return {
          values: Float64Array.from(indices, (index) => values[index] ?? Number.NaN),
          present: Uint8Array.from(indices, (index) => (index < 0 ? 0 : 1)),
        };
      }),
    };
  }

  /** The row nearest to a position; undefined in an empty table. */
  find(x: number): number | undefined {
    return rowAt(this.rows, x);
  }

  /** As they were logged, in full: a cell without a value is empty. */
  cells(row: number): string[] {
    const x = this.rows.x[row];
    const values = this.columns.map(({ values: column }, at) => {
      const index = this.rows.indices[at]?.[row] ?? -1;
      return index < 0 ? "" : String(column[index]);
    });
    return [x === undefined ? "" : String(x), ...values];
  }
}
