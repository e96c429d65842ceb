import type { RefObject } from "preact";
import { useMemo, useRef } from "preact/hooks";
import type { CompareView } from "../../../src/core/compare/compareView";
import type { DiffTable } from "../../../src/core/compare/tensors/diffTable";
import { formatShare } from "../../../src/core/text/quantities";
import { Icon } from "../../ui/icon";
import { MiddleEllipsis } from "../../ui/names/middleEllipsis";
import { NameColumn } from "../../ui/names/nameColumn";
import { NamePrefix, NameText } from "../../ui/names/nameText";
import { safeText } from "../../ui/safeText";
import { revealRow, useRowFocus } from "../../ui/tables/rowFocus";
import { rowHeight } from "../../ui/tables/rowHeight";
import { rowForKey } from "../../ui/tables/rowKeys";
import { rowOf } from "../../ui/tables/rowOf";
import { useRowWindow } from "../../ui/tables/rowWindow";
import { SpacerRows } from "../../ui/tables/spacerRows";
import { type ColumnWidths, nameRoom } from "../columnWidths";
import { DifferenceTitles } from "./differenceTitles";
import type { DiffModel } from "./diffModel";
import { stretchedParts } from "./diffPartWidths";
import { formatField, layoutCell, mismatchText, pairOfColumn, type StatedRow, statusLabel } from "./diffRows";
import { sortFields } from "./diffViewState";

export interface DiffTableViewProps {
  readonly label: string;
  readonly diff: DiffModel;
  readonly view: CompareView;
  readonly rows: readonly StatedRow[];
  readonly table: DiffTable;
  /** Of what the table knows, so that a new one is drawn. */
  readonly version: number;
  readonly widths: ColumnWidths;
  readonly scroller: RefObject<HTMLElement | null>;
}

/** A row a tensor: its layout in the first snapshot, and the differences of the others. */
export function DiffTableView({ label, diff, view, rows, table, widths, scroller }: DiffTableViewProps) {
  const body = useRef<HTMLTableSectionElement>(null);
  const names = useMemo(() => NameColumn.of(rows.map(({ name }) => name)), [rows]);
  const { first, end } = useRowWindow(scroller, body, rows.length);
  const { sort, against } = diff.viewState.value;
  const selected = diff.selected.value?.row;
  const active = rows.findIndex(({ index }) => index === selected);
  const takeFocus = useRowFocus(body, active);
  const columns = view.columns.length;

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape" && selected !== undefined) return diff.select(undefined);
    const pageRows = Math.max(1, Math.floor((scroller.current?.clientHeight ?? 0) / rowHeight) - 3);
    const next = rowForKey(event.key, rowOf(event.target), rows.length, pageRows);
    const row = next === undefined ? undefined : rows[next];
    if (next === undefined || row === undefined) return;
    event.preventDefault();
    takeFocus.current = true;
    revealRow({ scroller, body }, next);
    diff.select(row.index, pairFor(row, table, diff));
  };

  return (
    <table
      class="compare-table module-table diff-table"
      aria-label={label}
      aria-rowcount={rows.length + 2}
      style={{ width: `${widths.total}px` }}
    >
      <colgroup>
        <col style={{ width: `${widths.name}px` }} />
        {view.columns.map(({ path }, at) => {
          const width = widths.snapshots[at] ?? 0;
          if (at === 0) return <col key={path} style={{ width: `${width}px` }} />;
          return stretchedParts(diff.mostMismatches.value, width).map((each, index) => (
            <col key={`${path} ${index}`} style={{ width: `${each}px` }} />
          ));
        })}
      </colgroup>
      <thead>
        <tr>
          <td class="name-cell">
            <NamePrefix prefix={names.prefix} />
          </td>
          {view.columns.map(({ path, label }, at) => (
            <th
              key={path}
              scope="colgroup"
              colSpan={at === 0 ? 1 : 3}
              class="snapshot-title"
              aria-label={safeText(label)}
            >
              <MiddleEllipsis text={label} tail={14} />
            </th>
          ))}
        </tr>
        <tr>
          <th scope="col" class="name-cell" aria-sort={sort.by === "name" ? "ascending" : "none"}>
            <button
              type="button"
              class="sort-button"
              title={sort.by === "name" ? "Sort by change" : "Sort by name"}
              onClick={() => diff.change({ sort: { by: sort.by === "name" ? "change" : "name" } })}
            >
              Tensor
              {sort.by === "name" && <Icon name="arrowUp" />}
            </button>
          </th>
          <th scope="col" class="group-start">
            Layout
          </th>
          {view.columns.slice(1).map(({ path, label }, at) => (
            <DifferenceTitles key={path} diff={diff} column={at + 1} label={label} />
          ))}
        </tr>
      </thead>
      <tbody
        ref={body}
        onKeyDown={onKeyDown}
        onClick={(event) => {
          const row = rows[rowOf(event.target) ?? -1];
          const column =
            event.target instanceof Element ? event.target.closest<HTMLElement>("[data-column]") : null;
          if (row === undefined) return;
          const pair =
            column === null ? undefined : pairOfColumn(Number(column.dataset.column), columns, against);
          diff.select(row.index, pair ?? pairFor(row, table, diff));
        }}
      >
        <SpacerRows key="before" rows={first} />
        {rows.slice(first, end).map((row, index) => (
          <DiffRow
            key={row.index}
            row={row}
            at={first + index}
            view={view}
            table={table}
            against={against}
            names={names}
            widths={widths}
            selected={row.index === selected}
            tabStop={first + index === (active >= first && active < end ? active : first)}
          />
        ))}
        <SpacerRows key="after" rows={rows.length - end} />
      </tbody>
    </table>
  );
}

/** The pair to show of a row: the one that is shown, if it was compared in this row, else the first that was. */
function pairFor(row: StatedRow, table: DiffTable, diff: DiffModel): number {
  const has = (pair: number) =>
    (row.layouts[table.pairs[pair]?.a ?? 0] ?? null) !== null &&
    (row.layouts[table.pairs[pair]?.b ?? 0] ?? null) !== null;
  const shown = diff.selected.value?.pair ?? 0;
  return has(shown)
    ? shown
    : Math.max(
        0,
        table.pairs.findIndex((_, pair) => has(pair)),
      );
}

/** Small letters in a frame, and the gap before it. */
function chipPx(text: string): number {
  return text.length * 6 + 24;
}

/** The chips beside which the name has its room; what they say is in the row's title and columns as well. */
function fittingChips(
  chips: readonly string[],
  names: NameColumn,
  name: string,
  widths: ColumnWidths,
): Chips {
  const room = nameRoom(
    widths,
    chips.reduce((sum, chip) => sum + chipPx(chip), 0),
  );
  const isFitting = chips.length === 0 || names.shown(name, room).length <= room;
  return isFitting ? { chips, room } : fittingChips(chips.slice(1), names, name, widths);
}

interface Chips {
  readonly chips: readonly string[];
  /** What they leave the name, in characters. */
  readonly room: number;
}

interface DiffRowProps {
  readonly names: NameColumn;
  readonly widths: ColumnWidths;
  readonly row: StatedRow;
  readonly at: number;
  readonly view: CompareView;
  readonly table: DiffTable;
  readonly against: "first" | "previous";
  readonly selected: boolean;
  readonly tabStop: boolean;
}

function DiffRow({ row, at, view, table, against, selected, tabStop, names, widths }: DiffRowProps) {
  const label = statusLabel(row);
  const isQuiet = row.state === "same layout" || row.state === "equal";
  const told = [...(row.tiedTo === undefined ? [] : ["tied"]), ...(isQuiet ? [] : [label])];
  const { chips, room } = fittingChips(told, names, row.name, widths);
  return (
    <tr
      data-row={at}
      aria-rowindex={at + 3}
      class={selected ? "selected" : ""}
      aria-current={selected ? "true" : undefined}
    >
      <th scope="row" class="name-cell">
        <span class="tensor-name">
          <button
            type="button"
            class="module-name mono"
            tabIndex={tabStop ? 0 : -1}
            aria-label={safeText(`${row.name}, ${label}`)}
            aria-pressed={selected}
            title={safeText(row.tiedTo === undefined ? row.name : `${row.name}, tied to ${row.tiedTo}`)}
          >
            <NameText names={names} name={row.name} room={room} />
          </button>
          {chips.map((chip) => (
            <span key={chip} class={`tensor-status ${chip === label ? row.state : ""}`}>
              {chip}
            </span>
          ))}
        </span>
      </th>
      {view.columns.map(({ path, failure }, column) => (
        <Cells
          key={path}
          row={row}
          column={column}
          pair={pairOfColumn(column, view.columns.length, against)}
          table={table}
          unreadable={failure !== undefined}
        />
      ))}
    </tr>
  );
}

interface CellsProps {
  readonly row: StatedRow;
  readonly column: number;
  readonly pair: number | undefined;
  readonly table: DiffTable;
  readonly unreadable: boolean;
}

function Cells({ row, column, pair, table, unreadable }: CellsProps) {
  const layout = row.layouts[column] ?? null;
  const text = unreadable ? "unreadable" : layoutCell(row, column);
  if (pair === undefined) {
    return <td class={`group-start ${layout === null ? "absent" : "dim"}`}>{safeText(text)}</td>;
  }
  const state = table.state(row.index, pair);
  if (state !== "compared") {
    const isSame = layout !== null && layout === row.layouts[0];
    const words =
      state === "equal bytes"
        ? "same bytes"
        : state === "other bytes"
          ? "other bytes"
          : state === "failed"
            ? "not compared"
            : text;
    return (
      <td
        colSpan={3}
        data-column={column}
        class={`group-start ${isSame ? "dim" : ""} ${layout === null ? "absent" : ""}`}
      >
        {safeText(words)}
      </td>
    );
  }
  const mismatches = table.number(row.index, pair, "mismatches");
  const isEqual = table.isChanged(row.index, pair) === false;
  const title = `${formatShare(table.number(row.index, pair, "changed"))} of the values changed${layout === row.layouts[0] ? "" : `; ${text}`}`;
  return (
    <>
      {sortFields.map((field) => (
        <td
          key={field}
          data-column={column}
          title={title}
          class={`metric-cell ${field === "relativeL2" ? "group-start" : ""} ${isEqual ? "dim" : ""}`}
        >
          {field === "relativeL2" && mismatches > 0 ? (
            <span class="error">{mismatchText(mismatches)}</span>
          ) : field === "relativeL2" && isEqual ? (
            "equal"
          ) : (
            formatField(field, table.number(row.index, pair, field))
          )}
        </td>
      ))}
    </>
  );
}
