import type { Chart, Plugin } from "chart.js";
import type { ChartMarker } from "./chartSeries";
import type { ChartTheme } from "./chartTheme";

/** What is drawn besides the lines. */
export interface PlotExtras {
  readonly theme: ChartTheme;
  readonly markers: readonly ChartMarker[];
  /** Per series: its colour and where its values are not finite. */
  readonly gaps: readonly { readonly color: string; readonly at: readonly number[] }[];
}

/** Vertical lines behind the data; the current and the best one differ in dash and weight, not only in colour. */
export function markerLines(extras: () => PlotExtras): Plugin<"line"> {
  return {
    id: "markerLines",
    beforeDatasetsDraw(chart) {
      const { theme, markers } = extras();
      const { ctx, chartArea } = chart;
      const placed = markers.flatMap((marker) => {
        const x = pixelIn(chart, marker.x);
        return x === undefined ? [] : [{ marker, x }];
      });
      // Many ordinary checkpoints would draw a curtain before the data: then only the special ones are lines.
      const crowded = chartArea.width / Math.max(1, placed.length) < roomForLines;
      ctx.save();
      for (const { marker, x } of placed) {
        const special = marker.current || marker.best;
        if (crowded && !special) continue;
        ctx.beginPath();
        ctx.strokeStyle = special ? theme.foreground : theme.muted;
        ctx.globalAlpha = special ? 0.9 : theme.highContrast ? 0.8 : 0.45;
        ctx.lineWidth = marker.current ? 1.5 : 1;
        ctx.setLineDash(marker.current ? [] : marker.best ? [6, 3] : [1, 3]);
        ctx.moveTo(x, chartArea.top);
        ctx.lineTo(x, chartArea.bottom);
        ctx.stroke();
      }
      ctx.restore();
    },
  };
}

const roomForLines = 64;
const gapMarkSize = 3;
const gapMarkRoom = 8;

/** A small cross on the floor of the chart where a value is NaN or infinite: a gap alone is easily overlooked. */
export function gapMarks(extras: () => PlotExtras): Plugin<"line"> {
  return {
    id: "gapMarks",
    afterDatasetsDraw(chart) {
      const { ctx, chartArea } = chart;
      ctx.save();
      ctx.lineWidth = 1.5;
      extras().gaps.forEach(({ color, at }, row) => {
        const y = chartArea.bottom - 6 - row * 8;
        ctx.strokeStyle = color;
        ctx.beginPath();
        let last = Number.NEGATIVE_INFINITY;
        for (const value of at) {
          const x = pixelIn(chart, value);
          if (x === undefined || x - last < gapMarkRoom) continue;
          last = x;
          ctx.moveTo(x - gapMarkSize, y - gapMarkSize);
          ctx.lineTo(x + gapMarkSize, y + gapMarkSize);
          ctx.moveTo(x + gapMarkSize, y - gapMarkSize);
          ctx.lineTo(x - gapMarkSize, y + gapMarkSize);
        }
        ctx.stroke();
      });
      ctx.restore();
    },
  };
}

function pixelIn(chart: Chart, value: number): number | undefined {
  const scale = chart.scales.x;
  if (scale === undefined || value < scale.min || value > scale.max) return undefined;
  // Half a pixel, so that a line of one pixel is sharp.
  return Math.round(scale.getPixelForValue(value)) + 0.5;
}
