import type { RefObject } from "preact";
import { useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import type { CompareMetric, CompareView } from "../../../src/core/compare/compareView";
import { NameColumn } from "../../ui/names/nameColumn";
import { headHeight, type RowsOfTable, revealRow, topOfRow, useRowFocus } from "../../ui/tables/rowFocus";
import { rowHeight } from "../../ui/tables/rowHeight";
import { rowForKey } from "../../ui/tables/rowKeys";
import { rowOf } from "../../ui/tables/rowOf";
import { useRowWindow } from "../../ui/tables/rowWindow";
import { SpacerRows } from "../../ui/tables/spacerRows";
import { type ColumnWidths, type MetricWidth, metricsAt, nameRoom } from "../columnWidths";
import type { ModuleLine } from "../compareMetrics";
import { mostDecimals } from "../metricWidths";
import { ModuleHead } from "./moduleHead";
import { ModuleRow } from "./moduleRow";
import type { HeatScale, ModuleSort } from "./moduleRows";

export interface ModuleTableProps {
  readonly scroller: RefObject<HTMLElement | null>;
  readonly view: CompareView;
  readonly rows: readonly ModuleLine[];
  readonly metrics: readonly CompareMetric[];
  readonly widths: ColumnWidths;
  readonly widthOf: MetricWidth;
  /** Undefined without tint. */
  readonly heat: HeatScale | undefined;
  readonly sort: ModuleSort;
  readonly onSort: (sort: ModuleSort) => void;
  readonly selected: string | undefined;
  readonly onSelect: (module: string | undefined) => void;
}

/** A row a module, its numbers in each snapshot side by side. */
export function ModuleTable(props: ModuleTableProps) {
  const { scroller, view, rows, metrics, widths, selected, onSelect } = props;
  const body = useRef<HTMLTableSectionElement>(null);
  const { first, end } = useRowWindow(scroller, body, rows.length);
  const names = useMemo(() => NameColumn.of(view.modules.map(({ module }) => module)), [view]);
  const active = rows.findIndex(({ module }) => module === selected);
  // Where the keys go on: the selected row, or the one that had the focus last, such as before it was closed.
  const [visited, setVisited] = useState<string>();
  const anchor = active >= 0 ? active : rows.findIndex(({ module }) => module === visited);
  const decimals = useMemo(() => mostDecimals(view, rows, metrics), [view, rows, metrics]);

  const table = { scroller, body };
  const chosenHere = useRef(false);
  useKeptInSight(table, active, chosenHere);
  const takeFocus = useRowFocus(body, active);

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape" && selected !== undefined) {
      onSelect(undefined);
      return;
    }
    const pageRows = Math.max(
      1,
      Math.floor(((scroller.current?.clientHeight ?? 0) - headHeight) / rowHeight) - 1,
    );
    const focused = rowOf(event.target);
    const next = rowForKey(event.key, focused, rows.length, pageRows);
    if (next === undefined) return;
    event.preventDefault();
    takeFocus.current = true;
    chosenHere.current = true;
    revealRow(table, next);
    onSelect(rows[next]?.module);
  };

  const visible = windowRows(first, end, anchor);
  // One row can be reached with Tab; arrows go on from there.
  const tabStop = anchor >= 0 ? anchor : first;
  return (
    <table
      class="compare-table module-table"
      aria-label="Modules"
      aria-rowcount={rows.length + 2}
      style={{ width: `${widths.total}px` }}
    >
      <colgroup>
        <col style={{ width: `${widths.name}px` }} />
        {view.columns.map(({ path }, at) =>
          metricTracks(widths.snapshots[at] ?? 0, metricsAt(at, metrics), props.widthOf).map(
            (width, index) => <col key={`${path} ${index}`} style={{ width: `${width}px` }} />,
          ),
        )}
      </colgroup>
      <ModuleHead
        prefix={names.prefix}
        columns={view.columns}
        metrics={metrics}
        sort={props.sort}
        onSort={props.onSort}
      />
      <tbody
        ref={body}
        onKeyDown={onKeyDown}
        onFocusIn={(event) => setVisited(rows[rowOf(event.target) ?? -1]?.module)}
        onClick={(event) => {
          const row = rowOf(event.target);
          if (row === undefined) return;
          // Arrow keys go on from the row that was clicked, wherever in it.
          takeFocus.current = true;
          chosenHere.current = true;
          onSelect(rows[row]?.module);
        }}
      >
        {/* One flat list: in nested ones a row that scrolls would become another element and lose the focus. */}
        {visible.flatMap((index, at) => [
          <SpacerRows key={`before ${at}`} rows={index - (visible[at - 1] ?? -1) - 1} />,
          <ModuleRow
            key={`row ${rows[index]?.module}`}
            view={view}
            row={rows[index] as ModuleLine}
            index={index}
            names={names}
            nameRoom={nameRoom(widths)}
            metrics={metrics}
            decimals={decimals}
            heat={props.heat}
            selected={index === active}
            tabStop={index === tabStop}
          />,
        ])}
        <SpacerRows key="after" rows={rows.length - 1 - (visible[visible.length - 1] ?? -1)} />
      </tbody>
    </table>
  );
}

/**
 * Details that open beside or below take room from the table: a row that was chosen in it stays in sight. A reader
 * who has scrolled away from it since is left where they are.
 */
function useKeptInSight(table: RowsOfTable, row: number, chosenHere: { current: boolean }): void {
  const isKept = useRef(false);
  const latestRow = useRef(row);
  latestRow.current = row;
  useLayoutEffect(() => {
    isKept.current = chosenHere.current && row >= 0;
    chosenHere.current = false;
    if (isKept.current) revealRow(table, row);
  }, [row]);
  useLayoutEffect(() => {
    const element = table.scroller.current;
    if (element === null) return;
    const onScroll = () => {
      const top = topOfRow(table, latestRow.current);
      isKept.current &&= top !== undefined && top > -rowHeight && top < element.clientHeight;
    };
    const onResize = () => {
      if (isKept.current) revealRow(table, latestRow.current);
    };
    element.addEventListener("scroll", onScroll, { passive: true });
    const observer = new ResizeObserver(onResize);
    observer.observe(element);
    if (element.firstElementChild !== null) observer.observe(element.firstElementChild);
    return () => {
      element.removeEventListener("scroll", onScroll);
      observer.disconnect();
    };
  }, []);
}

/** The rows in sight, and the one that keys go on from, wherever it is: it may have the focus. */
function windowRows(first: number, end: number, anchor: number): number[] {
  const rows = Array.from({ length: end - first }, (_, index) => first + index);
  if (anchor < 0 || (anchor >= first && anchor < end)) return rows;
  return anchor < first ? [anchor, ...rows] : [...rows, anchor];
}

/** Shares a snapshot's width among its metrics by what each needs; the last takes what rounding leaves. */
function metricTracks(width: number, metrics: readonly CompareMetric[], widthOf: MetricWidth): number[] {
  const needed = metrics.reduce((sum, metric) => sum + widthOf(metric), 0);
  if (metrics.length === 0) return [width];
  const tracks = metrics.map((metric) => Math.floor((widthOf(metric) / needed) * width));
  const rest = width - tracks.reduce((sum, track) => sum + track, 0);
  return tracks.map((track, index) => (index === tracks.length - 1 ? track + rest : track));
}
