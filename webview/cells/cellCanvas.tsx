import { useLayoutEffect, useRef } from "preact/hooks";
import type { CellMatrix } from "./cellMatrix";
import { paintCells } from "./cellPaint";
import type { CellScale } from "./cellScale";

/** In CSS pixels. */
export interface CellSize {
  readonly width: number;
  readonly height: number;
}

export interface CellCanvasProps {
  readonly matrix: CellMatrix;
  readonly look: CellScale;
  /** Without one, it is a pixel a cell, which fills what room there is. */
  readonly size: CellSize | undefined;
}

/** Browsers refuse canvases beyond this. */
const longestSidePx = 8192;

/** The cells of a map. They are drawn again only when something about them changes. */
export function CellCanvas({ matrix, look, size }: CellCanvasProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const { width, height } = size ?? { width: matrix.cols, height: matrix.rows };
  const isStretched = size === undefined;
  useLayoutEffect(() => {
    const context = canvas.current?.getContext("2d");
    if (!canvas.current || !context) return;
    const wanted = isStretched ? 1 : Math.max(1, window.devicePixelRatio);
    const unit = Math.min(wanted, longestSidePx / Math.max(width, height, 1));
    canvas.current.width = Math.max(1, Math.round(width * unit));
    canvas.current.height = Math.max(1, Math.round(height * unit));
    context.setTransform(unit, 0, 0, unit, 0, 0);
    paintCells(context, matrix, look, 0, 0, width, height);
  }, [matrix, look, width, height, isStretched]);
  return (
    <canvas
      ref={canvas}
      class={`cell-picture ${isStretched ? "cell-stretched" : ""}`}
      style={isStretched ? undefined : { width: `${width}px`, height: `${height}px` }}
    />
  );
}
