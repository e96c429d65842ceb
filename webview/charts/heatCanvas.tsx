import { useLayoutEffect, useRef } from "preact/hooks";
import { type HeatLook, type HeatMatrix, paintCells } from "./heatPaint";

export interface HeatCanvasProps {
  readonly matrix: HeatMatrix;
  readonly look: HeatLook;
  /** In CSS pixels. */
  readonly width: number;
  readonly height: number;
}

/** Browsers refuse canvases beyond this. */
const longestSidePx = 8192;

/** The cells of a heat map. They are drawn again only when something about them changes. */
export function HeatCanvas({ matrix, look, width, height }: HeatCanvasProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const { scale, ramp, theme } = look;
  useLayoutEffect(() => {
    const context = canvas.current?.getContext("2d");
    if (!canvas.current || !context) return;
    const wanted = Math.max(1, window.devicePixelRatio);
    const unit = Math.min(wanted, longestSidePx / Math.max(width, height, 1));
    canvas.current.width = Math.max(1, Math.round(width * unit));
    canvas.current.height = Math.max(1, Math.round(height * unit));
    context.setTransform(unit, 0, 0, unit, 0, 0);
    paintCells(context, matrix, { scale, ramp, theme }, 0, 0, width, height);
  }, [matrix, scale, ramp, theme, width, height]);
  return <canvas ref={canvas} class="heat-picture" style={{ width: `${width}px`, height: `${height}px` }} />;
}
