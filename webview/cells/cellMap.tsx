import type { GridBlock, GridCell } from "../ui/grid/gridCell";
import { safeText } from "../ui/safeText";
import { CellCanvas, type CellSize } from "./cellCanvas";
import { cellKey } from "./cellKeys";
import { type CellLabels, type CellMatrix, shownLabels } from "./cellMatrix";
import type { CellScale } from "./cellScale";

/** One of the maps that lie side by side, have the same places, and share a cursor. */
export interface CellPanel {
  readonly key: string;
  readonly matrix: CellMatrix | undefined;
  /** Why there is no map. */
  readonly none?: string | undefined;
}

export interface CellMapProps {
  readonly label: string;
  /** What the keys do. */
  readonly description: string;
  readonly shownAs?: "heat map" | "picture";
  readonly rows: number;
  readonly cols: number;
  readonly panels: readonly CellPanel[];
  readonly look: CellScale;
  /** Of each panel; without one, it fills what room there is. */
  readonly size?: CellSize;
  readonly colLabels?: CellLabels;
  /** What the cursor is on, or would be. */
  readonly text: string;
  readonly cursor: GridCell | undefined;
  /** Where the keys begin. */
  readonly start: GridCell;
  /** What is chosen. */
  readonly marked?: GridBlock | undefined;
  /** Places that the cursor passes over. */
  readonly holds?: (cell: GridCell) => boolean;
  /** Home and End lead to the corners in place of the ends of the row. */
  readonly corners?: boolean;
  /** Pressing and dragging moves the cursor, which stays, in place of pointing. */
  readonly drags?: boolean;
  readonly onCursor: (cell: GridCell | undefined, extend: boolean) => void;
  /** Enter, and a click; a double click where dragging chooses. */
  readonly onOpen?: (cell: GridCell) => void;
  readonly onEscape?: () => void;
  readonly class?: string;
  readonly columnWidths?: readonly number[];
}

/**
 * Values as colours in rows and columns, in one panel or in several. It is read cell by cell with the pointer and
 * with the arrow keys; what a cell holds is said by who shows the map.
 */
export function CellMap(props: CellMapProps) {
  const { rows, cols, cursor, start, drags = false, holds = () => true, onCursor, onOpen } = props;
  const cellUnder = (event: MouseEvent): GridCell | undefined => {
    const area = (event.target as Element).closest(".cell-area") ?? (drags ? event.currentTarget : null);
    if (!(area instanceof Element)) return undefined;
    const { left, top, width, height } = area.getBoundingClientRect();
    const place = (offset: number, length: number, count: number) =>
      Math.min(count - 1, Math.max(0, Math.floor((offset / length) * count)));
    const cell = {
      row: place(event.clientY - top, height, rows),
      column: place(event.clientX - left, width, cols),
    };
    return holds(cell) ? cell : undefined;
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const isPlain = !event.ctrlKey && !event.metaKey && !event.altKey;
    const next = cellKey(event, start, { rows, columns: cols, corners: props.corners ?? false, holds });
    if (next !== undefined) onCursor(next, event.shiftKey);
    else if (isPlain && onOpen !== undefined && (event.key === "Enter" || event.key === " ")) onOpen(start);
    else if (isPlain && props.onEscape !== undefined && event.key === "Escape") props.onEscape();
    else return;
    event.preventDefault();
  };
  const pointing = {
    onPointerMove: (event: PointerEvent) => {
      const cell = cellUnder(event);
      if (cell?.row !== cursor?.row || cell?.column !== cursor?.column) onCursor(cell, false);
    },
    onPointerLeave: () => onCursor(undefined, false),
    onBlur: () => onCursor(undefined, false),
    onClick: (event: MouseEvent) => {
      const cell = cellUnder(event);
      if (cell !== undefined) onOpen?.(cell);
    },
  };
  const dragging = {
    onPointerDown: (event: PointerEvent) => {
      if (event.button !== 0) return;
      (event.currentTarget as Element).setPointerCapture(event.pointerId);
      onCursor(cellUnder(event), event.shiftKey);
    },
    onPointerMove: (event: PointerEvent) => {
      if ((event.currentTarget as Element).hasPointerCapture(event.pointerId))
        onCursor(cellUnder(event), true);
    },
    onDblClick: () => onOpen?.(start),
  };
  return (
    <div
      class={`cell-map ${props.class ?? ""}`}
      style={
        props.columnWidths && { gridTemplateColumns: props.columnWidths.map((each) => `${each}px`).join(" ") }
      }
      // Read along its places, it is to who hears it a slider; as charts are.
      role="slider"
      aria-roledescription={props.shownAs ?? "heat map"}
      aria-label={safeText(props.label)}
      aria-description={props.description}
      aria-valuemin={0}
      aria-valuemax={Math.max(0, rows * cols - 1)}
      aria-valuenow={start.row * cols + start.column}
      aria-valuetext={safeText(props.text)}
      tabIndex={0}
      onKeyDown={onKeyDown}
      {...(drags ? dragging : pointing)}
    >
      {props.panels.map((panel) => (
        <Panel key={panel.key} panel={panel} {...props} />
      ))}
    </div>
  );
}

function Panel({ panel, ...props }: CellMapProps & { readonly panel: CellPanel }) {
  const { rows, cols, size, cursor, marked, look, colLabels } = props;
  const { matrix, none } = panel;
  const sized = size && { width: `${size.width}px`, height: `${size.height}px` };
  if (matrix === undefined) {
    return (
      <div class="cell-panel">
        <p class="cell-none dim" style={sized && { height: sized.height }}>
          {none}
        </p>
      </div>
    );
  }
  return (
    <div class={`cell-panel ${sized === undefined ? "cell-filling" : ""}`}>
      <div class="cell-area" style={sized}>
        <CellCanvas matrix={matrix} look={look} size={size} />
        {marked !== undefined && <Mark class="cell-marked" block={marked} rows={rows} cols={cols} />}
        {cursor !== undefined && props.drags !== true && (
          <Mark class="cell-cursor" block={{ ...cursor, rows: 1, columns: 1 }} rows={rows} cols={cols} />
        )}
      </div>
      {size !== undefined && colLabels !== undefined && (
        <ColumnLabels labels={colLabels} width={size.width} />
      )}
    </div>
  );
}

interface MarkProps extends Pick<CellMapProps, "rows" | "cols"> {
  readonly class: string;
  readonly block: GridBlock;
}

function Mark({ class: className, block, rows, cols }: MarkProps) {
  return (
    <span
      class={className}
      style={{
        left: `${(100 * block.column) / cols}%`,
        top: `${(100 * block.row) / rows}%`,
        width: `max(3px, ${(100 * block.columns) / cols}%)`,
        height: `max(3px, ${(100 * block.rows) / rows}%)`,
      }}
    />
  );
}

function ColumnLabels({ labels, width }: { readonly labels: CellLabels; readonly width: number }) {
  const { texts, roomPx, turned = false } = labels;
  return (
    <div class={turned ? "cell-cols cell-cols-turned" : "cell-cols"} aria-hidden="true">
      {shownLabels(texts.length, width, roomPx).map((col) => (
        <span key={col} style={{ left: `${((col + 0.5) * width) / texts.length}px` }}>
          {safeText(texts[col] ?? "")}
        </span>
      ))}
    </div>
  );
}

export interface RowLabelsProps {
  readonly labels: CellLabels;
  /** All of a label where it is shortened. */
  readonly whole?: readonly string[];
  /** Of the map, in pixels. */
  readonly height: number;
  readonly class?: string;
}

/** The names of the rows, left of a map. */
export function RowLabels({ labels, whole, height, class: className = "" }: RowLabelsProps) {
  const { texts, roomPx } = labels;
  return (
    <div class={`cell-rows ${className}`} aria-hidden="true">
      {shownLabels(texts.length, height, roomPx).map((row) => (
        <span
          key={row}
          class="ellipsis"
          style={{ top: `${((row + 0.5) * height) / texts.length}px` }}
          title={safeText((whole ?? texts)[row] ?? "")}
        >
          {safeText(texts[row] ?? "")}
        </span>
      ))}
    </div>
  );
}
