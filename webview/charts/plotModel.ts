import type { ChartMarker, ChartRange, ChartSeries } from "./chartSeries";
import type { ChartTheme } from "./chartTheme";

/** Everything a plot draws. */
export interface PlotModel {
  readonly series: readonly ChartSeries[];
  readonly markers: readonly ChartMarker[];
  readonly domain: ChartRange;
  /** The visible part of the domain. */
  readonly range: ChartRange;
  readonly logarithmic: boolean;
  readonly integerX: boolean;
  /** Leaves room at the top for the flags of the markers. */
  readonly flags: boolean;
  /** Fixed value axis, e.g. 0 to 1 for shares. */
  readonly yRange?: ChartRange;
  readonly formatY?: (value: number) => string;
  readonly theme: ChartTheme;
}
