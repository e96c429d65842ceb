import type { ComponentChildren } from "preact";
import { useId, useLayoutEffect, useRef } from "preact/hooks";
import { rowHeight } from "../tables/rowHeight";
import { clampOffset, offsetToReveal } from "./gridAxis";
import { blockBetween, containsCell, type GridBlock, type GridCell } from "./gridCell";
import { cellForKey } from "./gridKeys";
import { type GridOffset, type GridScroll, useGridScroll } from "./gridScroll";

export interface VirtualGridProps {
  readonly label: string;
  readonly rows: number;
  readonly columns: number;
  readonly columnWidth: number;
  readonly cell: (row: number, column: number) => ComponentChildren;
  /** What the rows and columns are; for who does not see the corner between their numbers. */
  readonly corner: string;
  readonly active: GridCell;
  /** The other corner of what is selected. */
  readonly anchor: GridCell;
  /** `extend` keeps the anchor where it is. */
  readonly onMove: (cell: GridCell, extend: boolean) => void;
  readonly onSelectAll: () => void;
  readonly onCopy: () => void;
  readonly onOpen?: ((cell: GridCell) => void) | undefined;
  /** What is in view. */
  readonly onSeen: (block: GridBlock) => void;
  /** Changes when the active cell is to be shown: something other than a key in the grid has moved it. */
  readonly reveal: number;
  readonly initialOffset: GridOffset;
  readonly onScroll: (offset: GridOffset) => void;
}

const headHeight = 24;
/** Of a digit in the editor's font at 12 px, and the room around a number. */
const digitWidth = 7.3;
const cellPadding = 20;

/** Wide enough for a text in the grid's font. */
export function columnWidthFor(text: string): number {
  return Math.ceil(text.length * digitWidth) + cellPadding;
}

/**
 * A numbered grid with any number of rows and columns, of which only what is seen is in the page. It is worked like
 * a spreadsheet; one tab stop, which names its active cell.
 */
export function VirtualGrid(props: VirtualGridProps) {
  const { rows, columns, columnWidth, active } = props;
  const id = useId();
  const scroller = useRef<HTMLDivElement>(null);
  const headWidth = columnWidthFor(String(Math.max(10, rows - 1)));
  const lengths = { height: rows * rowHeight, width: columns * columnWidth, headHeight, headWidth };
  const scroll = useGridScroll(scroller, lengths, props.initialOffset, props.onScroll);
  const seen = seenBlock(scroll, props);
  const selection = blockBetween(active, props.anchor);

  useLayoutEffect(() => props.onSeen(seen), [props.onSeen, seen.row, seen.rows, seen.column, seen.columns]);

  const reveal = ({ row, column }: GridCell) =>
    scroll.scrollTo({
      top: offsetToReveal(scroll.down, scroll.top, row, rowHeight),
      left: offsetToReveal(scroll.across, scroll.left, column, columnWidth),
    });
  const revealed = useRef(props.reveal);
  useLayoutEffect(() => {
    if (revealed.current === props.reveal || scroll.down.seen === 0) return;
    revealed.current = props.reveal;
    if (containsCell(seen, active.row, active.column)) {
      reveal(active);
      return;
    }
    // In the middle, so that what is around it is seen as well.
    scroll.scrollTo({
      top: clampOffset(scroll.down, (active.row + 0.5) * rowHeight - scroll.down.seen / 2),
      left: clampOffset(scroll.across, (active.column + 0.5) * columnWidth - scroll.across.seen / 2),
    });
  });

  // Another width of columns leaves the same column at the left.
  const width = useRef(columnWidth);
  useLayoutEffect(() => {
    if (width.current !== columnWidth)
      scroll.scrollTo({ top: scroll.top, left: (scroll.left * columnWidth) / width.current });
    width.current = columnWidth;
  }, [columnWidth]);

  const onKeyDown = (event: KeyboardEvent) => {
    if (handleCommand(event, props)) return;
    const pageRows = Math.max(1, Math.floor(scroll.down.seen / rowHeight) - 1);
    const to = cellForKey(event, active, { rows, columns }, pageRows);
    if (to === undefined) return;
    event.preventDefault();
    props.onMove(to, event.shiftKey);
    reveal(to);
  };

  const cellAt = (event: MouseEvent): GridCell => {
    const room = (event.currentTarget as Element).getBoundingClientRect();
    const down = event.clientY - room.top - headHeight + scroll.top;
    const across = event.clientX - room.left - headWidth + scroll.left;
    return {
      row: Math.min(rows - 1, Math.max(0, Math.floor(down / rowHeight))),
      column: Math.min(columns - 1, Math.max(0, Math.floor(across / columnWidth))),
    };
  };
  const onPointerDown = (event: PointerEvent) => {
    if (event.button !== 0) return;
    (event.currentTarget as Element).setPointerCapture(event.pointerId);
    props.onMove(cellAt(event), event.shiftKey);
  };
  const onPointerMove = (event: PointerEvent) => {
    if (!(event.currentTarget as Element).hasPointerCapture(event.pointerId)) return;
    const to = cellAt(event);
    if (to.row === active.row && to.column === active.column) return;
    props.onMove(to, true);
    reveal(to);
  };

  const isActiveSeen = containsCell(seen, active.row, active.column);
  return (
    <div
      ref={scroller}
      class="virtual-grid"
      role="grid"
      aria-label={props.label}
      aria-rowcount={rows + 1}
      aria-colcount={columns + 1}
      aria-multiselectable="true"
      aria-activedescendant={isActiveSeen ? `${id}-${active.row}-${active.column}` : undefined}
      tabIndex={0}
      onKeyDown={onKeyDown}
    >
      <div
        role="presentation"
        style={{
          height: `${headHeight + scroll.down.scrolled}px`,
          width: `${headWidth + scroll.across.scrolled}px`,
        }}
      >
        <div
          class="grid-seen"
          role="presentation"
          style={{
            height: `${headHeight + scroll.down.seen}px`,
            width: `${headWidth + scroll.across.seen}px`,
          }}
          onPointerDown={onPointerDown}
          onPointerMove={onPointerMove}
          onDblClick={(event) => props.onOpen?.(cellAt(event))}
        >
          <GridHead {...{ seen, scroll, columnWidth, headWidth }} corner={props.corner} />
          {range(seen.row, seen.rows).map((row) => (
            <div
              key={row}
              role="row"
              class="grid-row"
              aria-rowindex={row + 2}
              style={{ transform: `translateY(${headHeight + row * rowHeight - scroll.top}px)` }}
            >
              {range(seen.column, seen.columns).map((column) => (
                <div
                  key={column}
                  id={`${id}-${row}-${column}`}
                  role="gridcell"
                  aria-colindex={column + 2}
                  aria-selected={containsCell(selection, row, column)}
                  class={`grid-cell ${row === active.row && column === active.column ? "active" : ""}`}
                  style={{
                    width: `${columnWidth}px`,
                    transform: `translateX(${headWidth + column * columnWidth - scroll.left}px)`,
                  }}
                >
                  {props.cell(row, column)}
                </div>
              ))}
              <div
                role="rowheader"
                aria-colindex={1}
                class="grid-row-head"
                style={{ width: `${headWidth}px` }}
              >
                {row}
              </div>
            </div>
          ))}
        </div>
      </div>
    </div>
  );
}

/** Ctrl+C and Ctrl+A, and Enter where a cell leads somewhere. */
function handleCommand(event: KeyboardEvent, props: VirtualGridProps): boolean {
  const isCommand = event.ctrlKey || event.metaKey;
  const key = event.key.toLowerCase();
  if (isCommand && key === "c") props.onCopy();
  else if (isCommand && key === "a") props.onSelectAll();
  else if (key === "enter" && props.onOpen !== undefined) props.onOpen(props.active);
  else return false;
  event.preventDefault();
  return true;
}

interface GridHeadProps {
  readonly seen: GridBlock;
  readonly scroll: GridScroll;
  readonly columnWidth: number;
  readonly headWidth: number;
  readonly corner: string;
}

function GridHead({ seen, scroll, columnWidth, headWidth, corner }: GridHeadProps) {
  return (
    <div role="row" class="grid-head" aria-rowindex={1} style={{ height: `${headHeight}px` }}>
      {range(seen.column, seen.columns).map((column) => (
        <div
          key={column}
          role="columnheader"
          aria-colindex={column + 2}
          class="grid-column-head"
          style={{
            width: `${columnWidth}px`,
            transform: `translateX(${headWidth + column * columnWidth - scroll.left}px)`,
          }}
        >
          {column}
        </div>
      ))}
      <div
        role="columnheader"
        aria-colindex={1}
        class="grid-corner"
        title={corner}
        style={{ width: `${headWidth}px` }}
      >
        <span class="visually-hidden">{corner}</span>
      </div>
    </div>
  );
}

function seenBlock(
  scroll: GridScroll,
  { rows, columns, columnWidth }: Pick<VirtualGridProps, "rows" | "columns" | "columnWidth">,
): GridBlock {
  const row = Math.floor(scroll.top / rowHeight);
  const column = Math.floor(scroll.left / columnWidth);
  const lastRow = Math.ceil((scroll.top + scroll.down.seen) / rowHeight);
  const lastColumn = Math.ceil((scroll.left + scroll.across.seen) / columnWidth);
  return {
    row,
    column,
    rows: Math.max(0, Math.min(rows, lastRow) - row),
    columns: Math.max(0, Math.min(columns, lastColumn) - column),
  };
}

function range(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, at) => first + at);
}
