import { plural } from "../../../text/quantities";
import { clockSeconds, elapsedSeconds, timeKindOf } from "../clockTimes";
import type { LogReport } from "../logFormat";
import { MetricNames, spelledOut } from "../metricNames";
import type { PointBatch } from "../pointBatch";
import type { PointColumns } from "../pointColumns";
import { stepColumnOf } from "../stepFields";
import type { LogParser, LogSink, LogWindow } from "../streamLog";
import { cellNumber } from "./csvCell";
import { detectSeparator, readRecord } from "./csvRecords";

/** One character for each byte: places in the text are places in the file. */
const bytesAsText = new TextDecoder("latin1");
const utf8 = new TextDecoder("utf-8");

interface Column {
  readonly key: string;
  readonly role: "metric" | "step" | "epoch" | "clock" | "elapsed";
}

/** What the header says about the rows below it. */
interface Table {
  readonly separator: string;
  readonly header: readonly string[];
  readonly columns: readonly Column[];
  readonly stepColumn: number;
}

/**
 * Reads a table of metrics, one row a log call. Most cells of a row may be empty: Lightning writes training
 * and validation of a step into rows of their own.
 */
export class CsvParser implements LogParser {
  readonly stopped = false;
  outdated = false;
  private table: Table | undefined;
  private names = new MetricNames(spelledOut);
  private tookTail = false;
  private rows = 0;
  private lastStep = Number.NaN;
  private withoutStep = 0;
  private batch: PointBatch | undefined;
  private targets: (PointColumns | undefined)[] = [];

  parse(window: LogWindow, sink: LogSink): number {
    const { bytes, remaining } = window;
    const text = bytesAsText.decode(bytes);
    const isLast = bytes.length === remaining;
    const isEnd = isLast && window.atRest;
    const mayQuote = text.includes('"');
    let at = this.begin(text);
    while (at < text.length && !this.outdated) {
      if (this.table === undefined) {
        const end = text.indexOf("\n", at);
        if (end < 0 && !isEnd) break;
        this.takeHeader(bytes, text, at, end < 0 ? text.length : end);
        if (this.table !== undefined && !isHeaderless(this.table)) at = end < 0 ? text.length : end + 1;
        else if (this.table === undefined) at = end < 0 ? text.length : end + 1;
        continue;
      }
      const { cells, end } = readRecord(text, at, this.table.separator, isEnd, mayQuote);
      if (cells === undefined) break;
      this.takeRow(cells, bytes, at, end, sink);
      this.tookTail = text.charCodeAt(end - 1) !== 0x0a;
      at = end;
    }
    return at;
  }

  report(): LogReport {
    if (this.withoutStep === 0) return { config: [], summary: [], facts: {}, problems: [] };
    const rows = plural(this.withoutStep, "row");
    const message = `Without a step: ${rows}, placed by the order in which they were written.`;
    return {
      config: [],
      summary: [],
      facts: {},
      problems: [{ severity: "info", code: "LogStepsMissing", message }],
    };
  }

  fork(): CsvParser {
    const copy = new CsvParser();
    copy.table = this.table;
    copy.names = this.names.fork();
    copy.tookTail = this.tookTail;
    copy.rows = this.rows;
    copy.lastStep = this.lastStep;
    copy.withoutStep = this.withoutStep;
    return copy;
  }

  /** A last row that was taken without its end must end here. */
  private begin(text: string): number {
    if (!this.tookTail) return 0;
    const end = text.startsWith("\r\n") ? 2 : text.startsWith("\n") ? 1 : 0;
    this.outdated = end === 0;
    this.tookTail = false;
    return end;
  }

  private takeHeader(bytes: Uint8Array, text: string, start: number, end: number): void {
    const isFirst = this.rows === 0;
    const line = utf8.decode(bytes.subarray(start, end)).trim();
    // Some writers begin with comments.
    if (line === "" || line.startsWith("#") || (isFirst && text.slice(start, end).startsWith("sep="))) return;
    const separator = detectSeparator(line);
    const { cells = [] } = readRecord(line, 0, separator, true);
    this.table = this.makeTable(separator, cells);
  }

  private makeTable(separator: string, cells: readonly string[]): Table {
    const decimalComma = separator !== ",";
    const headerless = cells.every((cell) => cellNumber(cell, decimalComma) !== undefined);
    const header = cells.map((cell, index) => (headerless ? `column ${index + 1}` : cell.trim()));
    const stepColumn = headerless && cells.length > 1 ? 0 : stepColumnOf(header);
    const columns = header.map((name, index): Column => {
      const lower = name.toLowerCase();
      const role = index === stepColumn ? "step" : lower === "epoch" ? "epoch" : timeKindOf(name);
      return { key: this.names.keyOf(name), role: role ?? "metric" };
    });
    this.batch = undefined;
    return { separator, header: headerless ? [] : header, columns, stepColumn };
  }

  private takeRow(
    cells: readonly string[],
    bytes: Uint8Array,
    start: number,
    end: number,
    sink: LogSink,
  ): void {
    const { table } = this;
    if (table === undefined || (cells.length === 1 && cells[0]?.trim() === "")) return;
    const decimalComma = table.separator !== ",";
    const { stepColumn } = table;
    // A row that is shorter than the header costs what it holds: there may be thousands of columns.
    const columns =
      table.columns.length > cells.length ? table.columns.slice(0, cells.length) : table.columns;
    const stepCell = stepColumn < 0 ? undefined : cells[stepColumn];
    const logged = cellNumber(stepCell, decimalComma);
    if (logged === undefined && this.isHeader(cells, decimalComma)) {
      this.takeHeader(bytes, "", start, end);
      return;
    }
    this.rows++;
    const step = this.stepOf(logged);
    let epoch = Number.NaN;
    let wallTime = Number.NaN;
    for (let at = 0; at < columns.length; at++) {
      const role = columns[at]?.role;
      if (role === "metric") continue;
      if (role === "epoch") epoch = cellNumber(cells[at], decimalComma) ?? Number.NaN;
      else if (role === "clock") wallTime = clockSeconds(cells[at] ?? "") ?? wallTime;
      else if (role === "elapsed" && Number.isNaN(wallTime)) {
        wallTime = elapsedSeconds(cells[at] ?? "") ?? Number.NaN;
      }
    }
    if (stepColumn >= 0 && table.header[stepColumn]?.toLowerCase() === "epoch") epoch = step;
    this.bind(sink.points);
    for (let at = 0; at < columns.length; at++) {
      const column = columns[at];
      if (column === undefined || (column.role !== "metric" && !isDuration(column, cells[at]))) continue;
      const value = cellNumber(cells[at], decimalComma);
      if (value !== undefined) this.target(at, column.key, sink.points)?.push(step, value, wallTime, epoch);
    }
  }

  /** A second training that writes into the same file begins with a header of its own. */
  private isHeader(cells: readonly string[], decimalComma: boolean): boolean {
    const { table } = this;
    if (table === undefined || table.header.length === 0 || cells.length < 2) return false;
    return cells.every((cell) => cell.trim() !== "" && cellNumber(cell, decimalComma) === undefined);
  }

  private stepOf(logged: number | undefined): number {
    if (logged !== undefined && Number.isFinite(logged)) this.lastStep = logged;
    else {
      this.withoutStep++;
      // Between rows that have one it is the step before.
      if (this.withoutStep === this.rows) return this.rows;
    }
    return this.lastStep;
  }

  private bind(points: PointBatch): void {
    if (this.batch === points) return;
    this.batch = points;
    this.targets = [];
  }

  private target(index: number, key: string, points: PointBatch): PointColumns | undefined {
    const known = this.targets[index];
    if (known !== undefined) return known;
    const column = points.column(key);
    this.targets[index] = column;
    return column;
  }
}

function isHeaderless({ header }: Table): boolean {
  return header.length === 0;
}

/** `time` may be the duration of a step: then it is a metric. */
function isDuration({ role }: Column, cell: string | undefined): boolean {
  return role === "clock" && clockSeconds(cell ?? "") === undefined;
}
