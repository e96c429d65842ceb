import type { CompareView } from "../../../src/core/compare/compareView";
import type { HeatLook, HeatMatrix } from "../../charts/heatPaint";
import { paintCells } from "../../charts/heatPaint";
import { type Drawing, fitText, paintTitle, pictureMargin } from "../../charts/picture";
import { scaleTicks } from "../../charts/valueScale";
import { safeText } from "../../ui/safeText";
import { formatHeat, type HeatLayout, type HeatSubject, shownLabels } from "./heatModel";

export interface HeatPicture {
  readonly title: string;
  readonly view: CompareView;
  readonly layout: HeatLayout;
  readonly subject: HeatSubject;
  readonly matrices: readonly (HeatMatrix | undefined)[];
  readonly look: HeatLook;
  readonly panelWidth: number;
  readonly height: number;
}

const nameWidth = 110;
const panelGap = 20;
const titleHeight = 30;
const headHeight = 20;
const tickHeight = 20;
const legendWidth = 260;
const legendHeight = 44;

/** The maps that have something to show, side by side, with names and the scale: what the page has around canvases. */
export function heatDrawing(picture: HeatPicture): Drawing {
  const { view, layout, matrices, look, panelWidth, height, title } = picture;
  const shown = matrices.flatMap((matrix, at) => (matrix === undefined ? [] : [{ matrix, at }]));
  const kindsHeight = layout.areLayersAcross ? tickHeight : 90;
  const top = pictureMargin + titleHeight + headHeight;
  const width = nameWidth + Math.max(1, shown.length) * (panelWidth + panelGap) + 2 * pictureMargin;
  return {
    width: Math.max(width, legendWidth + 2 * pictureMargin),
    height: top + height + kindsHeight + legendHeight + pictureMargin,
    paint: (context) => {
      const { theme } = look;
      paintTitle(context, theme, title, width - 2 * pictureMargin);
      context.textBaseline = "middle";
      context.font = `11px ${theme.fontFamily}`;
      context.fillStyle = theme.muted;
      context.textAlign = "end";
      for (const row of shownLabels(layout.rowLabels.length, height, 12)) {
        const label = fitText(context, safeText(layout.rowLabels[row] ?? ""), nameWidth - 10);
        context.fillText(
          label,
          pictureMargin + nameWidth - 8,
          top + ((row + 0.5) * height) / layout.rowLabels.length,
        );
      }
      for (const [viewState, { matrix, at }] of shown.entries()) {
        const left = pictureMargin + nameWidth + viewState * (panelWidth + panelGap);
        context.textAlign = "start";
        context.font = `600 12px ${theme.fontFamily}`;
        context.fillStyle = theme.foreground;
        context.fillText(
          fitText(context, safeText(view.columns[at]?.label ?? ""), panelWidth),
          left,
          top - headHeight / 2 - 2,
        );
        paintCells(context, matrix, look, left, top, panelWidth, height);
        paintColumnLabels(context, picture, left, top + height);
      }
      paintLegend(context, picture, top + height + kindsHeight);
    },
  };
}

function paintColumnLabels(
  context: CanvasRenderingContext2D,
  { layout, look, panelWidth }: HeatPicture,
  left: number,
  top: number,
): void {
  const { colLabels, areLayersAcross } = layout;
  context.font = `11px ${look.theme.fontFamily}`;
  context.fillStyle = look.theme.muted;
  for (const col of shownLabels(colLabels.length, panelWidth, areLayersAcross ? 26 : 13)) {
    const x = left + ((col + 0.5) * panelWidth) / colLabels.length;
    const label = safeText(colLabels[col] ?? "");
    if (areLayersAcross) {
      context.textAlign = "center";
      context.fillText(label, x, top + 9);
      continue;
    }
    context.save();
    context.translate(x, top + 6);
    context.rotate(Math.PI / 2);
    context.textAlign = "start";
    context.fillText(fitText(context, label, 78), 0, 0);
    context.restore();
  }
}

function paintLegend(context: CanvasRenderingContext2D, { look, subject }: HeatPicture, top: number): void {
  const { scale, ramp, theme } = look;
  if (scale === undefined) return;
  const left = pictureMargin + nameWidth;
  for (let x = 0; x < legendWidth; x++) {
    context.fillStyle = ramp[Math.floor((x / legendWidth) * ramp.length)] ?? theme.background;
    context.fillRect(left + x, top + 8, 1.5, 10);
  }
  context.fillStyle = theme.muted;
  context.font = `11px ${theme.fontFamily}`;
  for (const { value, share } of scaleTicks(scale, 3)) {
    context.textAlign = share === 0 ? "start" : share === 1 ? "end" : "center";
    context.fillText(formatHeat(subject, value), left + share * legendWidth, top + 28);
  }
}
