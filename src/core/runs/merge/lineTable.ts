import { type TextTable, toCsv, toMarkdown } from "../../text/tableText";
import type { LineRequest } from "../series/seriesSampler";
import { SeriesTable } from "../series/seriesTable";
import type { ChartedRun } from "./chartedRun";

/** A table whose columns are lines of charts, all along one axis. `Run` is how a run is named. */
export interface LineTable<Run> {
  readonly columns: readonly (LineRequest & { readonly run: Run; readonly smoothed: boolean })[];
  /** A first column with the epochs of this run; the axis must be the step. */
  readonly epochsOf?: Run;
}

export type TableFormat = "csv" | "markdown";

export interface TableText {
  readonly text: string;
  /** Rows in it, and rows that there are. */
  readonly rows: number;
  readonly count: number;
}

/** A clipboard of more helps nobody. */
const maxTextCells = 2_000_000;

export function seriesTableOf<Run>(
  table: LineTable<Run>,
  runOf: (run: Run) => Pick<ChartedRun, "lines" | "epochsAlong">,
): SeriesTable {
  const { columns, epochsOf } = table;
  const lines = columns.map(({ run, smoothed, ...request }) => {
    const line = runOf(run).lines.line(request);
    const values = smoothed ? line?.smoothed : line?.points.y;
    const x = line?.points.x ?? new Float64Array();
    return { x, values: values ?? new Float64Array(x.length).fill(Number.NaN) };
  });
  if (epochsOf === undefined) return new SeriesTable(lines);
  return new SeriesTable(lines, (steps) => runOf(epochsOf).epochsAlong(steps));
}

/** @param headers one more than there are columns: the first is of the positions. */
export function lineTableText(
  table: SeriesTable,
  headers: readonly string[],
  format: TableFormat,
  maxCells = maxTextCells,
): TableText {
  const rows = Math.min(table.count, Math.max(1, Math.floor(maxCells / Math.max(1, headers.length))));
  const cells: TextTable = {
    headers,
    rows: Array.from({ length: rows }, (_, row) => table.cells(row)),
    alignEnd: new Set(headers.keys()),
  };
  return { text: format === "csv" ? toCsv(cells) : toMarkdown(cells), rows, count: table.count };
}
