import {
  Chart,
  type ChartDataset,
  LinearScale,
  LineController,
  LineElement,
  LogarithmicScale,
  PointElement,
} from "chart.js";
import zoomPlugin from "chartjs-plugin-zoom";
import type { ChartRange, ChartSeries } from "../chartSeries";
import { seriesStyle, withAlpha } from "../chartTheme";
import type { PlotModel } from "./plotModel";
import { plotOptions } from "./plotOptions";
import { bands, bars, gapMarks, markerLines, type PlotExtras } from "./plotPlugins";
import { plotPoints, valueRange } from "./plotPoints";

// Only what a line chart needs, so that only that is bundled.
Chart.register(LineController, LineElement, PointElement, LinearScale, LogarithmicScale, zoomPlugin);

export interface PlotEvents {
  /** The user zoomed or panned. */
  onRange(range: ChartRange): void;
  /** Axes or size changed: what lies over the canvas must move. */
  onLayout(): void;
  /** Whether a turn of the wheel zooms the chart or scrolls the page. */
  wheelZooms(event: WheelEvent): boolean;
}

export interface PlotArea {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/** Up to this many points in sight each gets its shape; more would hide the line. */
const maxShownPoints = 80;
const maxShapedPoints = 40;

/** A line chart on a canvas: owns the chart.js object and gives it no more points than there are pixels. */
export class LinePlot {
  private readonly chart: Chart<"line", { x: number; y: number }[]>;
  private extras: PlotExtras;
  private model: PlotModel;
  private width = 0;

  constructor(
    canvas: HTMLCanvasElement,
    model: PlotModel,
    private readonly events: PlotEvents,
  ) {
    this.model = model;
    this.extras = { theme: model.theme, markers: [], gaps: [], bands: [], bars: [] };
    const extras = () => this.extras;
    this.chart = new Chart<"line", { x: number; y: number }[]>(canvas, {
      type: "line",
      data: { datasets: [] },
      options: plotOptions(model, this.yRange(), {
        onRange: () => this.reportRange(),
        wheelZooms: events.wheelZooms,
        onResize: (width) => this.onResize(width),
      }),
      plugins: [
        markerLines(extras),
        bands(extras),
        bars(extras),
        gapMarks(extras),
        { id: "layout", afterUpdate: () => events.onLayout() },
      ],
    });
    this.width = this.chart.width;
    // The zoom plugin's gestures take every touch; a finger must still scroll the page.
    canvas.style.touchAction = "pan-y";
    this.update(model);
  }

  update(model: PlotModel): void {
    this.model = model;
    this.chart.options = plotOptions(model, this.yRange(), {
      onRange: () => this.reportRange(),
      wheelZooms: this.events.wheelZooms,
      onResize: (width) => this.onResize(width),
    });
    this.draw();
  }

  destroy(): void {
    this.chart.destroy();
  }

  get area(): PlotArea {
    return this.chart.chartArea ?? { left: 0, right: 0, top: 0, bottom: 0 };
  }

  pixelForX(x: number): number {
    return this.chart.scales.x?.getPixelForValue(x) ?? Number.NaN;
  }

  pixelForY(y: number): number {
    return this.chart.scales.y?.getPixelForValue(y) ?? Number.NaN;
  }

  xForPixel(pixel: number): number {
    return this.chart.scales.x?.getValueForPixel(pixel) ?? Number.NaN;
  }

  private reportRange(): void {
    const scale = this.chart.scales.x;
    if (scale !== undefined) this.events.onRange({ min: scale.min, max: scale.max });
  }

  private onResize(width: number): void {
    if (Math.abs(width - this.width) < 1) return;
    this.width = width;
    // chart.js is in the middle of its own update here; new data needs one of its own.
    queueMicrotask(() => {
      if (this.chart.ctx !== null) this.draw();
    });
  }

  private draw(): void {
    const { series, theme, markers } = this.model;
    const plotted = series.map((each) => this.plot(each));
    // chart.js draws the first dataset on top; dashed lines, which come later, must not hide under solid ones.
    this.chart.data.datasets = plotted.flatMap(({ datasets }) => datasets).reverse();
    this.extras = {
      theme,
      markers,
      gaps: plotted.map(({ color, gaps }) => ({ color, at: gaps })),
      bands: plotted.flatMap(({ color, band, isPale }) =>
        band === undefined ? [] : [{ color, band, isPale }],
      ),
      bars: series.flatMap((each) =>
        each.barWidth === undefined ? [] : [{ ...each, color: this.color(each) }],
      ),
    };
    this.chart.update("none");
  }

  private plot(series: ChartSeries) {
    const { range, domain, logarithmic, theme } = this.model;
    const style = seriesStyle(theme, series.style);
    const color = this.color(series);
    if (series.barWidth !== undefined)
      return { color, gaps: [], band: undefined, isPale: false, datasets: [] };
    // With everything in sight the first and the last point lie on the edge, and should be whole.
    const edge = range.min === domain.min && range.max === domain.max ? 4 : 0;
    const { points, isolated, gaps, band, smoothed } = plotPoints(series, range, this.width, logarithmic);
    if (smoothed === undefined) {
      const line = dataset(points, isolated, color, style.dash, style.shape, 1.75, edge);
      return { color, gaps, band, isPale: false, datasets: [line] };
    }
    const pale = withAlpha(color, theme.highContrast ? 0.7 : 0.45);
    return {
      color,
      gaps,
      band,
      isPale: true,
      datasets: [
        dataset(points, isolated, pale, [], "circle", 1, edge),
        dataset(smoothed.points, smoothed.isolated, color, style.dash, style.shape, 2, edge),
      ],
    };
  }

  private color(series: ChartSeries): string {
    return series.color ?? seriesStyle(this.model.theme, series.style).color;
  }

  /** The value axis fits what is in sight; chart.js would also count the points that lead out of it. */
  private yRange(): ChartRange | undefined {
    const { series, range, logarithmic, yRange } = this.model;
    if (yRange !== undefined) return yRange;
    let fitted: ChartRange | undefined;
    for (const each of series) {
      const found = valueRange(each, range, logarithmic);
      if (found === undefined) continue;
      fitted = {
        min: Math.min(found.min, fitted?.min ?? found.min),
        max: Math.max(found.max, fitted?.max ?? found.max),
      };
    }
    return fitted;
  }
}

function dataset(
  points: readonly { readonly x: number; readonly y: number }[],
  isolated: ReadonlySet<number>,
  color: string,
  dash: readonly number[],
  shape: string,
  width: number,
  edge: number,
): ChartDataset<"line", { x: number; y: number }[]> {
  const few = points.length <= maxShownPoints && width > 1;
  const radius = few ? (points.length <= maxShapedPoints ? 3 : 2) : 0;
  return {
    data: [...points],
    borderColor: color,
    backgroundColor: color,
    borderWidth: width,
    borderDash: [...dash],
    pointStyle: shape as "circle",
    pointRadius: radius > 0 ? radius : points.map((_, index) => (isolated.has(index) ? 2 : 0)),
    pointBorderWidth:
      shape === "cross" || shape === "crossRot" || shape === "star" || shape === "dash" ? 1.5 : 0,
    pointHitRadius: 0,
    clip: edge,
    spanGaps: false,
    tension: 0,
  };
}
