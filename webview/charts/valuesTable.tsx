import { useMemo, useState } from "preact/hooks";
import { rowAt, valueRows } from "../../src/core/runs/valueRows";
import { formatCount, formatNumber } from "../../src/core/text/quantities";
import { TextField } from "../ui/controls";
import { CopyTableButtons } from "../ui/copyTableButtons";
import { type Column, DataTable } from "../ui/dataTable";
import { safeText } from "../ui/safeText";

export interface TableSeries {
  readonly key: string;
  readonly label: string;
  readonly x: Float64Array;
  readonly values: Float64Array;
}

export interface ValuesTableProps {
  readonly label: string;
  /** What a row is, e.g. "Step". */
  readonly xLabel: string;
  readonly formatX: (x: number) => string;
  readonly series: readonly TableSeries[];
  readonly onCopy?: ((text: string, what: string) => void) | undefined;
}

/** Every value as a number: what the charts show, for reading, searching and copying. */
export function ValuesTable({ label, xLabel, formatX, series, onCopy }: ValuesTableProps) {
  const [selected, setSelected] = useState<number>();
  const [wanted, setWanted] = useState("");
  const rows = useMemo(() => valueRows(series.map(({ x }) => x)), [series]);
  const position = xLabel.toLowerCase();

  const columns = useMemo<Column[]>(
    () => [
      {
        id: "position",
        title: xLabel,
        width: "84px",
        align: "end",
        cell: (row) => formatX(rows.x[row] ?? Number.NaN),
        text: (row) => String(rows.x[row]),
      },
      ...series.map(({ key, label: title, values }, at): Column => {
        const valueIn = (row: number) => values[rows.indices[at]?.[row] ?? -1];
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
            return Number.isFinite(value) ? (
              formatNumber(value, 6)
            ) : (
              <span class="error">{formatNumber(value)}</span>
            );
          },
          text: (row) => {
            const value = valueIn(row);
            return value === undefined ? "" : String(value);
          },
        };
      }),
    ],
    [series, rows, xLabel, formatX],
  );

  const find = (text: string) => {
    setWanted(text);
    const number = Number(text.replaceAll(",", ""));
    setSelected(text.trim() === "" || Number.isNaN(number) ? undefined : rowAt(rows, number));
  };

  return (
    <div class="values-table">
      <div class="toolbar">
        <TextField
          class="values-table-find"
          label={`Go to ${position}`}
          placeholder={`Go to ${position}`}
          value={wanted}
          onInput={find}
        />
        <span class="dim">{`${formatCount(rows.x.length)} rows`}</span>
        {onCopy !== undefined && <CopyTableButtons columns={columns} count={rows.x.length} onCopy={onCopy} />}
      </div>
      <DataTable
        label={label}
        columns={columns}
        count={rows.x.length}
        selected={selected}
        onSelect={setSelected}
        {...(onCopy === undefined
          ? {}
          : {
              onCopyRow: (row) =>
                onCopy(rowText(columns, row), `the row of ${position} ${formatX(rows.x[row] ?? 0)}`),
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
