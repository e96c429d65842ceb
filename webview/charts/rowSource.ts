import { type Signal, signal } from "@preact/signals";
import type { TableFormat } from "../../src/core/runs/merge/lineTable";
import { SeriesTable, type TablePage } from "../../src/core/runs/series/seriesTable";
import { plural } from "../../src/core/text/quantities";
import { toCsv, toMarkdown } from "../../src/core/text/tableText";

/** The rows of a table of values: those at hand, and those that are on their way. */
export interface RowSource {
  /** Changes when rows arrive. */
  readonly version: Signal<number>;
  /** Undefined until it is known. */
  readonly count: number | undefined;
  /** Undefined while it is on its way. */
  row(index: number): ValueRow | undefined;
  /** The row nearest to a position. */
  find(x: number): Promise<number | undefined>;
  /** All rows, to the clipboard. */
  copy(format: TableFormat): void;
}

export interface ValueRow {
  readonly x: number;
  /** Undefined where the column has no value. */
  readonly values: readonly (number | undefined)[];
}

/** Asks the extension for rows. */
export interface RowAsker {
  page(first: number, length: number): Promise<TablePage>;
  find(x: number): Promise<number | undefined>;
  copy(format: TableFormat): void;
}

const pageRows = 200;
/** About ten screens; more only costs memory. */
const keptPages = 20;

interface KeptPage {
  /** The one that was there before stays until the new one arrives. */
  readonly page: TablePage | undefined;
  readonly generation: number;
}

/** Rows that are asked for as they come into sight. */
export class AskedRows implements RowSource {
  readonly version = signal(0);
  count: number | undefined;
  private readonly pages = new Map<number, KeptPage>();
  private generation = 0;

  constructor(private readonly asker: RowAsker) {
    void this.load(0);
  }

  /** The log has grown. */
  renew(): void {
    this.generation++;
    void this.load(0);
  }

  row(index: number): ValueRow | undefined {
    const place = Math.floor(index / pageRows);
    const kept = this.pages.get(place);
    if (kept?.generation !== this.generation) void this.load(place);
    return kept?.page && rowIn(kept.page, index - kept.page.first);
  }

  find(x: number): Promise<number | undefined> {
    return this.asker.find(x);
  }

  copy(format: TableFormat): void {
    this.asker.copy(format);
  }

  private async load(place: number): Promise<void> {
    const { generation } = this;
    this.keep(place, { page: this.pages.get(place)?.page, generation });
    try {
      const page = await this.asker.page(place * pageRows, pageRows);
      if (generation !== this.generation) return;
      this.keep(place, { page, generation });
      this.count = page.count;
      this.version.value++;
    } catch {
      // Asked for again when it is next drawn; what went wrong is told where the charts are.
      this.pages.delete(place);
    }
  }

  private keep(place: number, page: KeptPage): void {
    this.pages.delete(place);
    this.pages.set(place, page);
    for (const oldest of this.pages.keys()) {
      if (this.pages.size <= keptPages) break;
      this.pages.delete(oldest);
    }
  }
}

/** A table whose values are all on the page. */
export class LocalRows implements RowSource {
  readonly version = signal(0);
  private readonly table: SeriesTable;

  constructor(
    columns: readonly { readonly label: string; readonly x: Float64Array; readonly values: Float64Array }[],
    xLabel: string,
    private readonly onCopy: ((text: string, what: string) => void) | undefined,
  ) {
    this.table = new SeriesTable(columns);
    this.headers = [xLabel, ...columns.map(({ label }) => label)];
  }

  private readonly headers: readonly string[];

  get count(): number {
    return this.table.count;
  }

  row(index: number): ValueRow | undefined {
    return rowIn(this.table.page(index, 1), 0);
  }

  async find(x: number): Promise<number | undefined> {
    return this.table.find(x);
  }

  copy(format: TableFormat): void {
    const rows = Array.from({ length: Math.min(this.count, maxCopiedRows) }, (_, row) =>
      this.table.cells(row),
    );
    const text = { headers: this.headers, rows, alignEnd: new Set(this.headers.keys()) };
    const first = rows.length < this.count ? "the first " : "";
    const what = `${first}${plural(rows.length, "row")} as ${format === "csv" ? "CSV" : "Markdown"}`;
    this.onCopy?.(format === "csv" ? toCsv(text) : toMarkdown(text), what);
  }
}

/** What is copied crosses to VS Code as one message, and those should stay well under a megabyte. */
const maxCopiedRows = 5000;

function rowIn({ x, columns }: TablePage, index: number): ValueRow | undefined {
  const position = x[index];
  if (position === undefined) return undefined;
  return {
    x: position,
    values: columns.map(({ values, present }) => (present[index] === 1 ? values[index] : undefined)),
  };
}
