import { useMemo, useRef, useState } from "preact/hooks";
import { formatCount } from "../../src/core/text/quantities";
import { Button, TextField } from "../ui/controls";
import { safeText } from "../ui/safeText";
import { type Column, DataTable } from "../ui/tables/dataTable";
import type { RowSource } from "./rowSource";

export interface ValueColumn {
  readonly key: string;
  readonly label: string;
  /** Writes all values of the column with their points in line. */
  readonly format: (value: number) => string;
}

export interface ValuesTableProps {
  readonly label: string;
  /** What a row is, e.g. "Step". */
  readonly xLabel: string;
  readonly formatX: (x: number) => string;
  /** Pixels that a position takes. */
  readonly xWidth?: number | undefined;
  readonly columns: readonly ValueColumn[];
  readonly rows: RowSource;
  readonly onCopy?: ((text: string, what: string) => void) | undefined;
}

/** Every value as a number: what the charts show, for reading, searching and copying. */
export function ValuesTable({
  label,
  xLabel,
  formatX,
  xWidth = 84,
  columns: given,
  rows,
  onCopy,
}: ValuesTableProps) {
  const [selected, setSelected] = useState<number>();
  const [wanted, setWanted] = useState("");
  const search = useRef(0);
  const { count } = rows;
  const position = xLabel.toLowerCase();
  // Rows that arrive are drawn.
  const version = rows.version.value;

  const columns = useMemo<Column[]>(
    () => [
      {
        id: "position",
        title: xLabel,
        width: `${xWidth}px`,
        align: "end",
        cell: (row) => {
          const x = rows.row(row)?.x;
          return x === undefined ? "…" : formatX(x);
        },
        text: (row) => String(rows.row(row)?.x ?? ""),
      },
      ...given.map(({ key, label: title, format }, at): Column => {
        const valueIn = (row: number) => rows.row(row)?.values[at];
        return {
          id: key,
          title: safeText(title),
          help: safeText(title),
          // Fixed: header and rows are laid out apart, and must come to the same widths.
          width: `${columnWidth(title)}px`,
          align: "end",
          cell: (row) => {
            const value = valueIn(row);
            if (value === undefined) return "";
            return Number.isFinite(value) ? format(value) : <span class="error">{format(value)}</span>;
          },
          text: (row) => String(valueIn(row) ?? ""),
        };
      }),
    ],
    [given, rows, version, xLabel, xWidth, formatX],
  );

  const find = async (text: string) => {
    setWanted(text);
    const asked = ++search.current;
    const number = Number(text.replaceAll(",", ""));
    const row = text.trim() === "" || Number.isNaN(number) ? undefined : await rows.find(number);
    // What was typed meanwhile counts.
    if (asked === search.current) setSelected(row);
  };

  return (
    <div class="values-table">
      <div class="toolbar">
        <TextField
          class="values-table-find"
          label={`Go to ${position}`}
          placeholder={`Go to ${position}`}
          value={wanted}
          onInput={(text) => void find(text)}
        />
        <span class="dim">{count === undefined ? "Reading…" : `${formatCount(count)} rows`}</span>
        <span class="copy-table">
          {(["markdown", "csv"] as const).map((format) => {
            const name = format === "csv" ? "CSV" : "Markdown";
            return (
              <Button
                key={format}
                look="icon"
                icon="copy"
                label={`Copy all rows as ${name}`}
                disabled={!count}
                onClick={() => rows.copy(format)}
              >
                {name}
              </Button>
            );
          })}
        </span>
      </div>
      <DataTable
        label={label}
        columns={columns}
        count={count ?? 0}
        selected={selected}
        onSelect={setSelected}
        {...(onCopy === undefined
          ? {}
          : {
              onCopyRow: (row) =>
                onCopy(
                  rowText(columns, row),
                  `the row of ${position} ${formatX(rows.row(row)?.x ?? Number.NaN)}`,
                ),
            })}
      />
    </div>
  );
}

const narrowestColumn = 100;
const widestColumn = 260;
const widthOfLetter = 7.2;

function columnWidth(title: string): number {
  return Math.round(Math.min(widestColumn, Math.max(narrowestColumn, title.length * widthOfLetter)));
}

function rowText(columns: readonly Column[], row: number): string {
  return columns.map(({ text }) => text?.(row) ?? "").join("\t");
}
