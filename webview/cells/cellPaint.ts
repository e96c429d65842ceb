import type { ChartTheme } from "../charts/chartTheme";
import { blanks, type CellMatrix } from "./cellMatrix";
import type { CellScale } from "./cellScale";
import { rampColor } from "./colorRamp";
import { shareOf } from "./valueScale";

/** Cells smaller than this touch: lines between them would be most of what is seen. */
const smallestWithGaps = 5;

/** Paints the cells into a rectangle. Edges lie on whole device pixels, so that all cells are crisp. */
export function paintCells(
  context: CanvasRenderingContext2D,
  matrix: CellMatrix,
  look: CellScale,
  left: number,
  top: number,
  width: number,
  height: number,
): void {
  const { rows, cols, values } = matrix;
  const unit = Math.max(1, context.getTransform().a);
  const snap = (position: number) => Math.round(position * unit) / unit;
  const gap = Math.min(width / cols, height / rows) >= smallestWithGaps ? 1 : 0;
  for (let row = 0; row < rows; row++) {
    const y = snap(top + (row * height) / rows);
    const bottom = snap(top + ((row + 1) * height) / rows);
    for (let col = 0; col < cols; col++) {
      const at = row * cols + col;
      const presence = matrix.presence?.[at] ?? blanks.present;
      if (presence === blanks.empty) continue;
      const x = snap(left + (col * width) / cols);
      const right = snap(left + ((col + 1) * width) / cols);
      const [w, h] = [Math.max(right - x - gap, 1 / unit), Math.max(bottom - y - gap, 1 / unit)];
      const value = values[at] ?? Number.NaN;
      const isBroken = Number.isNaN(value);
      if (presence === blanks.absent || (isBroken && look.broken === undefined))
        paintBlank(context, look.theme, presence === blanks.absent, x, y, w, h);
      else {
        context.fillStyle = isBroken ? (look.broken ?? "") : colorOf(look, value);
        context.fillRect(x, y, w, h);
      }
    }
  }
}

function colorOf({ scale, ramp, theme }: CellScale, value: number): string {
  return scale === undefined ? theme.grid : rampColor(ramp, shareOf(scale, value));
}

/** Absent: a dot. Not computable: a cross. Neither is a colour that a value could have. */
function paintBlank(
  context: CanvasRenderingContext2D,
  theme: ChartTheme,
  isAbsent: boolean,
  x: number,
  y: number,
  width: number,
  height: number,
): void {
  const middle = { x: x + width / 2, y: y + height / 2 };
  const size = Math.min(width, height, 9) / 2;
  if (isAbsent) {
    context.fillStyle = theme.muted;
    const side = Math.max(1, size / 2);
    context.fillRect(middle.x - side / 2, middle.y - side / 2, side, side);
    return;
  }
  context.strokeStyle = theme.foreground;
  context.lineWidth = 1;
  context.beginPath();
  context.moveTo(middle.x - size, middle.y - size);
  context.lineTo(middle.x + size, middle.y + size);
  context.moveTo(middle.x + size, middle.y - size);
  context.lineTo(middle.x - size, middle.y + size);
  context.stroke();
}
