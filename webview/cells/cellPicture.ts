import { type Drawing, fitText, paintTitle, pictureMargin } from "../charts/picture";
import { safeText } from "../ui/safeText";
import type { CellSize } from "./cellCanvas";
import { type CellLabels, type CellMatrix, shownLabels } from "./cellMatrix";
import { paintCells } from "./cellPaint";
import type { CellScale } from "./cellScale";
import { scaleTicks } from "./valueScale";

export interface CellPicture {
  readonly title: string;
  /** A line below the title. */
  readonly note?: string;
  readonly panels: readonly { readonly title?: string; readonly matrix: CellMatrix | undefined }[];
  /** Of each panel. */
  readonly size: CellSize;
  readonly look: CellScale;
  readonly rowLabels?: CellLabels;
  /** Room for the names of the rows. */
  readonly nameWidth?: number;
  readonly colLabels?: CellLabels;
  readonly format: (value: number) => string;
}

const panelGap = 20;
const titleHeight = 30;
const headHeight = 20;
const tickHeight = 20;
const turnedHeight = 90;
const legendWidth = 260;
const legendHeight = 44;
/** A title has something to say below a narrow map too. */
const narrowestPx = 320;

/** The maps that have something to show, side by side, with names and the scale: what the page has around canvases. */
export function cellDrawing(picture: CellPicture): Drawing {
  const { look, size, title, note, nameWidth = 0, rowLabels, colLabels, format } = picture;
  const panels = picture.panels.filter(({ matrix }) => matrix !== undefined);
  const hasHead = note !== undefined || panels.some((panel) => panel.title !== undefined);
  const top = pictureMargin + titleHeight + (hasHead ? headHeight : 0);
  const colsHeight = colLabels === undefined ? 8 : colLabels.turned === true ? turnedHeight : tickHeight;
  const inner = Math.max(
    nameWidth + Math.max(1, panels.length) * (size.width + panelGap),
    nameWidth + legendWidth + panelGap,
    narrowestPx,
  );
  return {
    width: inner + 2 * pictureMargin,
    height: top + size.height + colsHeight + legendHeight + pictureMargin,
    paint: (context) => {
      const { theme } = look;
      const left = pictureMargin + nameWidth;
      paintTitle(context, theme, title, inner);
      context.textBaseline = "middle";
      context.font = `11px ${theme.fontFamily}`;
      context.fillStyle = theme.muted;
      if (note !== undefined) context.fillText(fitText(context, safeText(note), inner), left, top - 12);
      context.textAlign = "end";
      for (const row of shownLabels(rowLabels?.texts.length ?? 0, size.height, 12)) {
        const label = fitText(context, safeText(rowLabels?.texts[row] ?? ""), nameWidth - 10);
        const y = top + ((row + 0.5) * size.height) / (rowLabels?.texts.length ?? 1);
        context.fillText(label, left - 8, y);
      }
      for (const [at, { matrix, title: head }] of panels.entries()) {
        const x = left + at * (size.width + panelGap);
        context.textAlign = "start";
        context.font = `600 12px ${theme.fontFamily}`;
        context.fillStyle = theme.foreground;
        if (head !== undefined)
          context.fillText(fitText(context, safeText(head), size.width), x, top - headHeight / 2 - 2);
        if (matrix !== undefined) paintCells(context, matrix, look, x, top, size.width, size.height);
        if (colLabels !== undefined)
          paintColumnLabels(context, look, colLabels, x, top + size.height, size.width);
      }
      paintLegend(context, look, format, left, top + size.height + colsHeight);
    },
  };
}

function paintColumnLabels(
  context: CanvasRenderingContext2D,
  { theme }: CellScale,
  { texts, roomPx, turned }: CellLabels,
  left: number,
  top: number,
  width: number,
): void {
  context.font = `11px ${theme.fontFamily}`;
  context.fillStyle = theme.muted;
  for (const col of shownLabels(texts.length, width, roomPx)) {
    const x = left + ((col + 0.5) * width) / texts.length;
    const label = safeText(texts[col] ?? "");
    if (turned !== true) {
      context.textAlign = "center";
      context.fillText(label, x, top + 9);
      continue;
    }
    context.save();
    context.translate(x, top + 6);
    context.rotate(Math.PI / 2);
    context.textAlign = "start";
    context.fillText(fitText(context, label, turnedHeight - 12), 0, 0);
    context.restore();
  }
}

function paintLegend(
  context: CanvasRenderingContext2D,
  { scale, ramp, theme }: CellScale,
  format: (value: number) => string,
  left: number,
  top: number,
): void {
  if (scale === undefined) return;
  for (let x = 0; x < legendWidth; x++) {
    context.fillStyle = ramp[Math.floor((x / legendWidth) * ramp.length)] ?? theme.background;
    context.fillRect(left + x, top + 8, 1.5, 10);
  }
  context.fillStyle = theme.muted;
  context.font = `11px ${theme.fontFamily}`;
  for (const { value, share } of scaleTicks(scale, 3)) {
    context.textAlign = share === 0 ? "start" : share === 1 ? "end" : "center";
    context.fillText(format(value), left + share * legendWidth, top + 28);
  }
}
