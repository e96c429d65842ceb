import type { Picture } from "../../src/protocol/picture";
import { safeText } from "../ui/safeText";
import type { ChartSeries } from "./chartSeries";
import { type ChartTheme, seriesStyle } from "./chartTheme";
import { shapePaths } from "./legend";

/** Hands a picture over to be saved. */
export type SavePicture = (picture: Picture) => void;

/** What is painted, in CSS pixels. */
export interface Drawing {
  readonly width: number;
  readonly height: number;
  paint(context: CanvasRenderingContext2D): void;
}

/** A message to the extension must stay under a megabyte. */
const maxBytes = 900_000;
/** Sharp when it is shown larger in a document. */
const pixelsPerUnit = 2;
const smallestScale = 0.25;

/** The drawing as a PNG file on the theme's background; more coarsely where it would be too large to send. */
export async function pngOf(drawing: Drawing, theme: ChartTheme): Promise<Uint8Array> {
  for (let scale = pixelsPerUnit; ; scale /= 2) {
    const bytes = await encode(drawing, theme, scale);
    if (bytes.length <= maxBytes || scale <= smallestScale) return bytes;
  }
}

async function encode({ width, height, paint }: Drawing, theme: ChartTheme, scale: number) {
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  const context = canvas.getContext("2d");
  if (context === null) throw new Error("This window can't draw a picture.");
  context.scale(scale, scale);
  context.fillStyle = theme.background;
  context.fillRect(0, 0, width, height);
  paint(context);
  const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, "image/png"));
  if (blob === null) throw new Error("The picture is too large to draw.");
  return new Uint8Array(await blob.arrayBuffer());
}

export const pictureMargin = 16;
const titleHeight = 24;
const lineHeight = 20;
const swatchWidth = 26;

/** A title line; the text is cut where the room ends. */
export function paintTitle(
  context: CanvasRenderingContext2D,
  theme: ChartTheme,
  title: string,
  width: number,
) {
  context.font = `600 13px ${theme.fontFamily}`;
  context.fillStyle = theme.foreground;
  context.textBaseline = "middle";
  context.fillText(
    fitText(context, safeText(title), width),
    pictureMargin,
    pictureMargin + titleHeight / 2 - 4,
  );
}

/** The text, or as much of it as fits with an ellipsis. */
export function fitText(context: CanvasRenderingContext2D, text: string, width: number): string {
  if (context.measureText(text).width <= width) return text;
  let shown = text;
  while (shown.length > 1 && context.measureText(`${shown}…`).width > width) shown = shown.slice(0, -1);
  return `${shown}…`;
}

/** A line chart as it is drawn, with its title above and its legend below, which on the page are not in the canvas. */
export function chartDrawing(
  canvas: HTMLCanvasElement,
  theme: ChartTheme,
  title: string,
  series: readonly ChartSeries[],
): Drawing {
  const inner = canvas.clientWidth;
  const lines = legendLines(series, inner, theme);
  const top = pictureMargin + titleHeight;
  const legendTop = top + canvas.clientHeight + 6;
  return {
    width: inner + 2 * pictureMargin,
    height: legendTop + lines.length * lineHeight + pictureMargin,
    paint: (context) => {
      paintTitle(context, theme, title, inner);
      context.drawImage(canvas, pictureMargin, top, inner, canvas.clientHeight);
      for (const [row, items] of lines.entries()) {
        for (const item of items) {
          const y = legendTop + row * lineHeight + lineHeight / 2;
          paintSwatch(context, theme, item.series, pictureMargin + item.left, y);
          context.fillStyle = theme.foreground;
          context.font = `12px ${theme.fontFamily}`;
          context.textBaseline = "middle";
          const room = inner - item.left - swatchWidth - 6;
          context.fillText(
            fitText(context, safeText(item.series.label), room),
            pictureMargin + item.left + swatchWidth + 6,
            y,
          );
        }
      }
    },
  };
}

interface LegendItem {
  readonly series: ChartSeries;
  readonly left: number;
}

/** A single line needs no legend: the title names it. */
function legendLines(series: readonly ChartSeries[], width: number, theme: ChartTheme): LegendItem[][] {
  if (series.length < 2) return [];
  const context = document.createElement("canvas").getContext("2d");
  if (context === null) return [];
  context.font = `12px ${theme.fontFamily}`;
  const lines: LegendItem[][] = [[]];
  let left = 0;
  for (const each of series) {
    const needed = swatchWidth + 6 + context.measureText(safeText(each.label)).width + 18;
    if (left > 0 && left + needed > width) {
      lines.push([]);
      left = 0;
    }
    lines.at(-1)?.push({ series: each, left });
    left += needed;
  }
  return lines;
}

function paintSwatch(
  context: CanvasRenderingContext2D,
  theme: ChartTheme,
  series: ChartSeries,
  left: number,
  y: number,
) {
  const style = seriesStyle(theme, series.style);
  context.save();
  context.translate(left, y - 5);
  context.strokeStyle = series.color ?? style.color;
  context.fillStyle = series.color ?? style.color;
  context.lineWidth = 2;
  context.setLineDash([...style.dash]);
  context.beginPath();
  context.moveTo(0, 5);
  context.lineTo(swatchWidth, 5);
  context.stroke();
  context.setLineDash([]);
  context.lineWidth = 1.5;
  const shape = new Path2D(shapePaths[style.shape]);
  context.fill(shape);
  context.stroke(shape);
  context.restore();
}
