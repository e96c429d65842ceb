import { useLayoutEffect, useRef } from "preact/hooks";
import { blockBetween, type GridCell } from "./gridCell";
import { cellForKey } from "./gridKeys";

export interface HeatCanvasProps {
  readonly label: string;
  readonly rows: number;
  readonly columns: number;
  /** Colour of a cell, by its number row by row. */
  readonly colorAt: (cell: number) => readonly [red: number, green: number, blue: number];
  readonly cell: GridCell;
  /** The other corner of what is chosen. */
  readonly anchor: GridCell;
  /** The chosen cells in words. */
  readonly text: string;
  readonly onChoose: (cell: GridCell, extend: boolean) => void;
  /** Enter or double click. */
  readonly onOpen: () => void;
}

const keysHelp = "Arrow keys move, with Shift they choose a block; Enter shows its values.";

/** A picture of cells, of which a block is chosen by dragging or from the keyboard. */
export function HeatCanvas(props: HeatCanvasProps) {
  const { rows, columns, colorAt, cell, anchor } = props;
  const canvas = useRef<HTMLCanvasElement>(null);

  useLayoutEffect(() => {
    const context = canvas.current?.getContext("2d");
    if (!context) return;
    const image = context.createImageData(columns, rows);
    for (let at = 0; at < rows * columns; at++) {
      const [red, green, blue] = colorAt(at);
      image.data.set([red, green, blue, 255], 4 * at);
    }
    context.putImageData(image, 0, 0);
  }, [rows, columns, colorAt]);

  const cellAt = (event: PointerEvent): GridCell => {
    const room = (event.currentTarget as Element).getBoundingClientRect();
    const share = (offset: number, length: number) => Math.min(0.999999, Math.max(0, offset / length));
    return {
      row: Math.floor(share(event.clientY - room.top, room.height) * rows),
      column: Math.floor(share(event.clientX - room.left, room.width) * columns),
    };
  };
  const chosen = blockBetween(cell, anchor);
  const lastCell = rows * columns - 1;
  return (
    <div
      class="heat-canvas"
      role="slider"
      aria-roledescription="picture"
      aria-label={props.label}
      aria-description={keysHelp}
      aria-valuemin={0}
      aria-valuemax={lastCell}
      aria-valuenow={cell.row * columns + cell.column}
      aria-valuetext={props.text}
      tabIndex={0}
      onKeyDown={(event) => {
        if (event.key === "Enter") props.onOpen();
        const to = cellForKey(event, cell, { rows, columns }, Math.max(1, rows >> 3));
        if (to !== undefined) props.onChoose(to, event.shiftKey);
        if (to !== undefined || event.key === "Enter") event.preventDefault();
      }}
      onPointerDown={(event) => {
        if (event.button !== 0) return;
        (event.currentTarget as Element).setPointerCapture(event.pointerId);
        props.onChoose(cellAt(event), event.shiftKey);
      }}
      onPointerMove={(event) => {
        if ((event.currentTarget as Element).hasPointerCapture(event.pointerId))
          props.onChoose(cellAt(event), true);
      }}
      onDblClick={props.onOpen}
    >
      <canvas ref={canvas} width={columns} height={rows} />
      <svg
        class="heat-chosen"
        viewBox={`0 0 ${columns} ${rows}`}
        preserveAspectRatio="none"
        aria-hidden="true"
      >
        <rect x={chosen.column} y={chosen.row} width={chosen.columns} height={chosen.rows} />
      </svg>
    </div>
  );
}
