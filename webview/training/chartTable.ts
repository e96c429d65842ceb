import { useEffect, useMemo, useRef } from "preact/hooks";
import type { LineTable, TableFormat } from "../../src/core/runs/merge/lineTable";
import type { MetricHead } from "../../src/core/runs/merge/runHead";
import { columnFormat } from "../../src/core/text/columnFormat";
import { formatCount, formatNumber } from "../../src/core/text/quantities";
import type { ChartTable } from "../charts/lineChart";
import { AskedRows } from "../charts/rowSource";
import type { ValueColumn } from "../charts/valuesTable";
import type { ChartAxis } from "./chartAxis";
import type { ChartPlan } from "./chartPlans";
import type { ChartHost, RunLine } from "./sampledLines";

interface TableParts {
  readonly table: LineTable<string>;
  readonly columns: readonly ValueColumn[];
}

const digits = 6;

/** All values of a chart's lines as a table, which asks for its rows when it is looked at. */
export function useChartTable(
  host: ChartHost,
  plan: ChartPlan,
  lines: readonly RunLine[],
  axis: ChartAxis,
  version: number,
): ChartTable {
  const parts = useMemo(() => partsOf(plan, lines), [plan, lines]);
  const headers = [axis.label, ...parts.columns.map(({ label }) => label)];
  return useTable(host, parts, headers, axis.width, version);
}

/** A table that stays what it is while its log grows: nothing jumps where somebody reads. */
export function useTable(
  host: ChartHost,
  { table, columns }: TableParts,
  headers: readonly string[],
  xWidth: number,
  version: number,
): ChartTable {
  const made = useRef<{ readonly key: string; readonly rows: LazyRows } | undefined>(undefined);
  const key = JSON.stringify(table);
  if (made.current?.key !== key) made.current = { key, rows: new LazyRows(host, table, headers) };
  const { rows } = made.current;
  useEffect(() => rows.renew(), [version]);
  return useMemo(
    () => ({
      columns,
      get rows() {
        return rows.get();
      },
      xWidth,
    }),
    [columns, rows, xWidth],
  );
}

/** Most charts are never looked at as a table. */
class LazyRows {
  private rows: AskedRows | undefined;

  constructor(
    private readonly host: ChartHost,
    private readonly table: LineTable<string>,
    private readonly headers: readonly string[],
  ) {}

  get(): AskedRows {
    const { host, table, headers } = this;
    this.rows ??= new AskedRows({
      page: (first, length) => host.call("rows", { table, first, length }),
      find: (x) => host.call("findRow", { table, x }),
      copy: (format) => host.notify("copyTable", { table, headers, format }),
    });
    return this.rows;
  }

  renew(): void {
    this.rows?.renew();
  }
}

/** All values of a chart, to the clipboard. */
export function copyChart(
  host: ChartHost,
  plan: ChartPlan,
  lines: readonly RunLine[],
  axis: ChartAxis,
  format: TableFormat,
): void {
  const { table, columns } = partsOf(plan, lines);
  host.notify("copyTable", { table, headers: [axis.label, ...columns.map(({ label }) => label)], format });
}

function partsOf(plan: ChartPlan, lines: readonly RunLine[]): TableParts {
  const columns: ValueColumn[] = [];
  const asked: LineTable<string>["columns"][number][] = [];
  plan.lines.forEach(({ metric, label }, index) => {
    const line = lines[index];
    if (line === undefined) return;
    // A table has a place for every value.
    const { positiveOnly: _, ...all } = line;
    columns.push({ key: `${index}`, label, format: formatOfMetric(metric) });
    asked.push({ ...all, smoothed: false });
    if (line.smoothing === undefined) return;
    const format = formatOfMetric({ ...metric, whole: false });
    columns.push({ key: `${index} smoothed`, label: `${label}, smoothed`, format });
    asked.push({ ...all, smoothed: true });
  });
  return { table: { columns: asked }, columns };
}

export function formatOfMetric({
  lowest,
  highest,
  whole,
}: Pick<MetricHead, "lowest" | "highest" | "whole">): (value: number) => string {
  if (whole) return (value) => (Number.isInteger(value) ? formatCount(value) : formatNumber(value, digits));
  return columnFormat(lowest?.value ?? Number.NaN, highest?.value ?? Number.NaN, digits);
}
