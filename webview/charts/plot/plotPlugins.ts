import type { Chart, Plugin } from "chart.js";
import type { ChartMarker, ChartSeries } from "../chartSeries";
import { type ChartTheme, withAlpha } from "../chartTheme";
import type { PlotBand } from "./plotPoints";

/** What is drawn besides the lines. */
export interface PlotExtras {
  readonly theme: ChartTheme;
  readonly markers: readonly ChartMarker[];
  /** Per series: its colour and where its values are not finite. */
  readonly gaps: readonly { readonly color: string; readonly at: readonly number[] }[];
  /** Between which values lines run that have more points than there are pixels; pale under a smoothed line. */
  readonly bands: readonly { readonly color: string; readonly band: PlotBand; readonly isPale: boolean }[];
  readonly bars: readonly Pick<ChartSeries, "x" | "y" | "color" | "barWidth">[];
}

/**
 * Behind the lines: filled, and with an edge, since a spike of one point is no wider than a pixel and would be lost
 * as a pale fill.
 */
export function bands(extras: () => PlotExtras): Plugin<"line"> {
  return {
    id: "bands",
    beforeDatasetsDraw(chart) {
      const { theme, bands: drawn } = extras();
      const { x: across, y: up } = chart.scales;
      if (across === undefined || up === undefined || drawn.length === 0) return;
      const { ctx, chartArea } = chart;
      ctx.save();
      ctx.beginPath();
      ctx.rect(chartArea.left, chartArea.top, chartArea.width, chartArea.height);
      ctx.clip();
      ctx.lineWidth = 1;
      ctx.lineJoin = "round";
      for (const { color, band, isPale } of drawn) {
        const area = bandPath(
          band,
          (x) => across.getPixelForValue(x),
          (y) => up.getPixelForValue(y),
        );
        ctx.fillStyle = withAlpha(color, (isPale ? 0.14 : 0.25) * (theme.highContrast ? 1.6 : 1));
        ctx.strokeStyle = withAlpha(color, (isPale ? 0.4 : 0.6) * (theme.highContrast ? 1.5 : 1));
        ctx.fill(area);
        ctx.stroke(area);
      }
      ctx.restore();
    },
  };
}

/** Bars with less room touch: lines between them would be most of what is seen. */
const smallestWithGap = 4;

/** From the floor up to each value; what is not positive has no bar on a logarithmic axis. */
export function bars(extras: () => PlotExtras): Plugin<"line"> {
  return {
    id: "bars",
    beforeDatasetsDraw(chart) {
      const { x: across, y: up } = chart.scales;
      const drawn = extras().bars;
      if (across === undefined || up === undefined || drawn.length === 0) return;
      const { ctx, chartArea } = chart;
      ctx.save();
      ctx.beginPath();
      ctx.rect(chartArea.left, chartArea.top, chartArea.width, chartArea.height);
      ctx.clip();
      for (const { x, y, color = "", barWidth = 0 } of drawn) {
        ctx.fillStyle = color;
        for (const [at, value] of y.entries()) {
          const top = up.getPixelForValue(value);
          if (!(value > 0) || !Number.isFinite(top)) continue;
          const middle = x[at] ?? Number.NaN;
          const left = Math.round(across.getPixelForValue(middle - barWidth / 2));
          const right = Math.round(across.getPixelForValue(middle + barWidth / 2));
          const gap = right - left >= smallestWithGap ? 1 : 0;
          // What is there is seen, however few it is.
          const height = Math.max(1, chartArea.bottom - top);
          ctx.fillRect(left, chartArea.bottom - height, Math.max(1, right - left - gap), height);
        }
      }
      ctx.restore();
    },
  };
}

/** One closed shape for each stretch without a gap. */
function bandPath(
  { x, min, max }: PlotBand,
  across: (x: number) => number,
  up: (y: number) => number,
): Path2D {
  const path = new Path2D();
  let start = 0;
  while (start < x.length) {
    while (start < x.length && Number.isNaN(min[start])) start++;
    let end = start;
    while (end < x.length && !Number.isNaN(min[end])) end++;
    for (let index = start; index < end; index++) {
      const at = across(x[index] ?? 0);
      if (index === start) path.moveTo(at, up(max[index] ?? 0));
      else path.lineTo(at, up(max[index] ?? 0));
    }
    for (let index = end - 1; index >= start; index--)
      path.lineTo(across(x[index] ?? 0), up(min[index] ?? 0));
    if (end > start) path.closePath();
    start = end;
  }
  return path;
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
