import type { ChartedRun } from "../core/runs/merge/chartedRun";
import { type LineTable, seriesTableOf } from "../core/runs/merge/lineTable";
import type { SeriesTable } from "../core/runs/series/seriesTable";

/** Tables that are being scrolled: at most as many as anybody looks at. */
const keptTables = 4;

/** Makes tables out of lines, and keeps the last ones: a page of rows is asked for after the other. */
export class LineTables {
  private readonly made = new Map<string, SeriesTable>();

  get(table: LineTable<number>, runOf: (handle: number) => ChartedRun): SeriesTable {
    const runs = [...new Set(table.columns.map(({ run }) => run))];
    const key = JSON.stringify([runs.map((run) => runOf(run).generation), table]);
    const known = this.made.get(key);
    if (known !== undefined) return known;
    const made = seriesTableOf(table, runOf);
    this.made.set(key, made);
    for (const [oldest] of this.made) {
      if (this.made.size <= keptTables) break;
      this.made.delete(oldest);
    }
    return made;
  }

  /** What is closed must not be kept in memory by a table. */
  clear(): void {
    this.made.clear();
  }
}
