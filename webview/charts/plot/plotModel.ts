import type { ChartMarker, ChartRange, ChartSeries } from "../chartSeries";
import type { ChartTheme } from "../chartTheme";

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
  /** Positions to label between two, where round numbers are not what people count in. */
  readonly xTicks?: PositionTicks | undefined;
  /** First and last position of the whole lines, where only what is in sight of them is here. */
  readonly ends?: ChartRange | undefined;
  readonly theme: ChartTheme;
}

/** At most about `count` of them, with their labels. */
export type PositionTicks = (
  range: ChartRange,
  count: number,
) => readonly { readonly value: number; readonly label: string }[];
