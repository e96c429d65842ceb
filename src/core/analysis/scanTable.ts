import {
  type StatisticId,
  statisticColumns,
  statisticsFrom,
  type TensorStatistics,
} from "./statisticColumns";
import type { TensorNumbers } from "./tensorNumbers";

/** What a scan tells of each tensor, in the order in which it is packed. */
export const scanColumns: readonly StatisticId[] = statisticColumns.map(({ id }) => id);

/** Results of a scan that arrived together, packed so that 89,088 tensors cross in messages well under 1 MB. */
export interface ScanChunk {
  /** Rows of the tensor table. */
  readonly rows: Uint32Array;
  /** Column after column, each with a value for every row; all NaN where the dtype has no numbers. */
  readonly values: Float64Array;
}

/** Rows of a chunk at most: about 310 kB. */
export const scanChunkRows = 4096;

export function packScanChunk(
  measured: readonly {
    readonly row: number;
    readonly numbers: Pick<TensorNumbers, "statistics"> | undefined;
  }[],
): ScanChunk {
  const rows = Uint32Array.from(measured, ({ row }) => row);
  const values = new Float64Array(rows.length * scanColumns.length);
  scanColumns.forEach((column, at) => {
    measured.forEach(({ numbers }, index) => {
      values[at * rows.length + index] = numbers?.statistics[column] ?? Number.NaN;
    });
  });
  return { rows, values };
}

/** The numbers of all tensors, as they come in. */
export class ScanTable {
  private readonly columns: readonly Float64Array[];
  private readonly known: Uint8Array;
  /** Rows of which numbers have come. */
  measured = 0;

  constructor(readonly rows: number) {
    this.columns = scanColumns.map(() => new Float64Array(rows).fill(Number.NaN));
    this.known = new Uint8Array(rows);
  }

  add({ rows, values }: ScanChunk): void {
    for (let index = 0; index < rows.length; index++) {
      const row = rows[index] as number;
      if (row >= this.rows) continue;
      if (this.known[row] === 0) this.measured++;
      this.known[row] = 1;
      for (let column = 0; column < this.columns.length; column++) {
        (this.columns[column] as Float64Array)[row] = values[column * rows.length + index] ?? Number.NaN;
      }
    }
  }

  /** Undefined where nothing has come yet, or the tensor has no numbers. */
  get(column: StatisticId, row: number): number | undefined {
    if (this.known[row] !== 1) return undefined;
    const value = this.column(column)[row] as number;
    // A tensor with numbers has counts, whatever its values are.
    return Number.isNaN(value) && Number.isNaN(this.column("zeros")[row] as number) ? undefined : value;
  }

  /** Whether a tensor was looked at, with or without numbers. */
  knows(row: number): boolean {
    return this.known[row] === 1;
  }

  statistics(row: number): TensorStatistics | undefined {
    if (this.get("zeros", row) === undefined) return undefined;
    return statisticsFrom(({ id }) => this.column(id)[row] as number);
  }

  column(column: StatisticId): Float64Array {
    return this.columns[scanColumns.indexOf(column)] as Float64Array;
  }
}
