import { Component, type ComponentChildren, type VNode } from "preact";
import { useId, useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { letterWidth } from "../names/letterWidth";
import type { NameColumn } from "../names/nameColumn";
import { layoutColumns } from "./columnLayout";
import { rowHeight } from "./rowHeight";
import { rowForKey } from "./rowKeys";
import { rowOf } from "./rowOf";
import { type RowWindow, useRowWindow } from "./rowWindow";
import { useScrollMemory } from "./scrollMemory";
import { TableHeader } from "./tableHeader";

export interface Column<Id extends string = string> {
  readonly id: Id;
  readonly title: string;
  /** What the column says, where the title is too short to. */
  readonly help?: string | undefined;
  /** A CSS grid track: "80px", "minmax(160px, 1fr)". */
  readonly width: string;
  /** `end` for numbers: they line up under each other. */
  readonly align?: "start" | "end" | undefined;
  readonly mono?: boolean | undefined;
  readonly sortable?: boolean | undefined;
  /** Where there is too little room, the column with the largest number is left out first; one without stays. */
  readonly givesWay?: number | undefined;
  /** Of a column of names: it gets the room first, and what all names share is said above it. */
  readonly names?: NameColumn | undefined;
  /** @param nameRoom for a name, in characters */
  readonly cell: (row: number, nameRoom: number) => ComponentChildren;
  /** For copying; without it the column is not copied. */
  readonly text?: ((row: number) => string) | undefined;
}

export interface SortOrder<Id extends string = string> {
  readonly column: Id;
  readonly descending: boolean;
}

/** What makes the table a tree: VS Code's explorer keys, and where each row stands. */
export interface TreeRows {
  /** 1 for a root. */
  readonly level: (row: number) => number;
  /** Undefined for a leaf. */
  readonly expanded: (row: number) => boolean | undefined;
  readonly onToggle: (row: number, expanded: boolean) => void;
  readonly parent: (row: number) => number | undefined;
  readonly onExpandAll?: (() => void) | undefined;
}

export interface DataTableProps<Id extends string> {
  readonly label: string;
  /** Others when anything that a cell shows has changed and is no signal: cells are not rendered again before. */
  readonly columns: readonly Column<Id>[];
  readonly count: number;
  /** Stable identity of a row, where rows move: of a sorted table, or of a tree. */
  readonly rowKey?: ((row: number) => string | number) | undefined;
  readonly sort?: SortOrder<Id> | undefined;
  readonly onSort?: ((sort: SortOrder<Id>) => void) | undefined;
  readonly selected?: number | undefined;
  readonly onSelect?: ((row: number) => void) | undefined;
  /** Enter or double click. */
  readonly onOpen?: ((row: number) => void) | undefined;
  /** Ctrl+C or Cmd+C on the selected row. */
  readonly onCopyRow?: ((row: number) => void) | undefined;
  readonly tree?: TreeRows | undefined;
  /** The table wants the focus, with its selected row in view. `onFocusTaken` when both are so. */
  readonly takeFocus?: boolean | undefined;
  readonly onFocusTaken?: (() => void) | undefined;
  /** Where it was scrolled to before; it waits for rows that are still being loaded. */
  readonly initialScrollTop?: number | undefined;
  readonly onScroll?: ((scrollTop: number) => void) | undefined;
  /** Shown in place of rows. */
  readonly empty?: VNode | string | undefined;
  readonly rowClass?: (row: number) => string | undefined;
  readonly class?: string | undefined;
}

const headerHeight = 24;

/**
 * A table of any length with a header that stays and columns that sort. One tab stop: the table has the focus and
 * names its active row, so that the row may leave the DOM. The selection follows the arrow keys.
 */
export function DataTable<Id extends string>(props: DataTableProps<Id>) {
  const { count, selected, onSelect, onOpen, tree } = props;
  const id = useId();
  const scroller = useRef<HTMLDivElement>(null);
  const body = useRef<HTMLDivElement>(null);
  const rows = useRowWindow(scroller, body, count, headerHeight);
  const { columns, tracks, nameRoom } = useMemo(
    () => layoutColumns(props.columns, rows.width, letterWidth()),
    [props.columns, rows.width],
  );

  // Only a selection that moves scrolls: a sort or a filter leaves the view where the user put it.
  const key = selected === undefined ? undefined : (props.rowKey?.(selected) ?? selected);
  const revealed = useRef(key);
  useLayoutEffect(() => {
    if (selected !== undefined && selected < count && revealed.current !== key) rows.reveal(selected);
    revealed.current = key;
  }, [key]);

  const { takeFocus, onFocusTaken } = props;
  useLayoutEffect(() => {
    if (!takeFocus) return;
    scroller.current?.focus();
    if (selected === undefined) return;
    rows.reveal(selected);
    onFocusTaken?.();
  }, [takeFocus, selected]);

  const onScroll = useScrollMemory(scroller, props.initialScrollTop, props.onScroll);

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.target !== event.currentTarget) return;
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "c") {
      // A text selection made with the mouse is copied by the browser.
      if (selected !== undefined && String(document.getSelection()) === "") props.onCopyRow?.(selected);
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (handleTreeKey(event.key, selected, count, tree, onSelect)) {
      event.preventDefault();
      return;
    }
    if (event.key === "Enter" && selected !== undefined && onOpen !== undefined) {
      event.preventDefault();
      onOpen(selected);
      return;
    }
    const row = rowForKey(event.key, selected, count, rows.pageRows());
    if (row === undefined) return;
    event.preventDefault();
    onSelect?.(row);
  };

  // As in VS Code's explorer, a click on a row that can be opened opens or closes it.
  const onClick = (event: MouseEvent) => {
    const row = rowOf(event.target);
    if (row === undefined) return;
    onSelect?.(row);
    const expanded = tree?.expanded(row);
    if (expanded !== undefined) tree?.onToggle(row, !expanded);
  };

  const onDblClick = (event: MouseEvent) => {
    const row = rowOf(event.target);
    if (row !== undefined && tree?.expanded(row) === undefined) onOpen?.(row);
  };

  return (
    <div
      ref={scroller}
      class={`data-table ${props.class ?? ""}`}
      role={tree === undefined ? "grid" : "treegrid"}
      aria-label={props.label}
      aria-rowcount={count + 1}
      aria-colcount={columns.length}
      aria-activedescendant={selected === undefined || selected >= count ? undefined : `${id}-${selected}`}
      tabIndex={0}
      onKeyDown={onKeyDown}
      onClick={onClick}
      onDblClick={onDblClick}
      onScroll={onScroll}
    >
      <TableHeader
        columns={columns}
        tracks={tracks}
        sort={props.sort}
        onSort={props.onSort}
        onLeave={() => scroller.current?.focus()}
      />
      <div ref={body} class="virtual-rows" role="rowgroup" style={{ height: `${count * rowHeight}px` }}>
        {shownRows(rows, count, selected).map((index) => (
          <div
            key={props.rowKey?.(index) ?? index}
            id={`${id}-${index}`}
            data-row={index}
            role="row"
            class={`row ${props.rowClass?.(index) ?? ""}`}
            aria-rowindex={index + 2}
            aria-selected={onSelect === undefined ? undefined : index === selected}
            aria-level={tree?.level(index)}
            aria-expanded={tree?.expanded(index)}
            style={{ gridTemplateColumns: tracks, transform: `translateY(${index * rowHeight}px)` }}
          >
            <RowCells columns={columns} row={index} nameRoom={nameRoom} />
          </div>
        ))}
      </div>
      {count === 0 && props.empty !== undefined && <div class="table-empty">{props.empty}</div>}
    </div>
  );
}

/** The selected row stays when it is scrolled away, so that `aria-activedescendant` never points at nothing. */
function shownRows(
  { first, end }: RowWindow,
  count: number,
  selected: number | undefined,
): readonly number[] {
  const rows = Array.from({ length: end - first }, (_, at) => first + at);
  if (selected === undefined || selected >= count) return rows;
  if (selected < first) return [selected, ...rows];
  return selected >= end ? [...rows, selected] : rows;
}

interface RowCellsProps {
  readonly columns: readonly Column[];
  readonly row: number;
  readonly nameRoom: number;
}

/**
 * Rendered again when the columns are others, which they are when their cells are, and not while the table is only
 * scrolled.
 */
class RowCells extends Component<RowCellsProps> {
  override shouldComponentUpdate(next: RowCellsProps, state: unknown): boolean {
    // The state is another one when a signal that a cell has read has changed.
    const { columns, row, nameRoom } = this.props;
    return next.columns !== columns || next.row !== row || next.nameRoom !== nameRoom || state !== this.state;
  }

  override render({ columns, row, nameRoom }: RowCellsProps): ComponentChildren {
    return columns.map((column, at) => (
      <div
        key={column.id}
        role="gridcell"
        aria-colindex={at + 1}
        class={`cell ${column.align === "end" ? "cell-end" : ""} ${column.mono ? "mono" : ""}`}
      >
        {column.cell(row, nameRoom)}
      </div>
    ));
  }
}

/** Right opens or goes to the first child, Left closes or goes to the parent, Space toggles, * opens everything. */
function handleTreeKey(
  key: string,
  row: number | undefined,
  count: number,
  tree: TreeRows | undefined,
  onSelect: ((row: number) => void) | undefined,
): boolean {
  if (tree === undefined) return false;
  if (key === "*" && tree.onExpandAll !== undefined) {
    tree.onExpandAll();
    return true;
  }
  if (row === undefined) return false;
  const expanded = tree.expanded(row);
  if (key === "ArrowRight") {
    if (expanded === false) tree.onToggle(row, true);
    else if (expanded === true && row + 1 < count) onSelect?.(row + 1);
    return true;
  }
  if (key === "ArrowLeft") {
    const parent = tree.parent(row);
    if (expanded === true) tree.onToggle(row, false);
    else if (parent !== undefined) onSelect?.(parent);
    return true;
  }
  if ((key === " " || key === "Enter") && expanded !== undefined) {
    tree.onToggle(row, !expanded);
    return true;
  }
  return false;
}
