import type { AxisKind } from "../../src/core/runs/series/seriesAxis";
import { formatPosition, linearTicks } from "../charts/axisTicks";
import type { PositionTicks } from "../charts/plot/plotModel";
import { clockTicks, elapsedTicks, formatClock, formatElapsed } from "../charts/timeAxis";

/** How positions on an axis of a training are named and written. */
export interface ChartAxis {
  readonly kind: AxisKind;
  /** On the button that chooses it. */
  readonly choice: string;
  /** What a position is. */
  readonly label: string;
  readonly format: (x: number) => string;
  readonly integer: boolean;
  readonly ticks?: PositionTicks;
  /** Pixels of a position in a table. */
  readonly width: number;
  /** Why it can't be chosen where no log knows it. */
  readonly missing: string;
}

const tokenTicks: PositionTicks = (range, count) =>
  linearTicks(range, count, true).map((value) => ({
    value,
    label: value.toLocaleString("en", { notation: "compact", maximumFractionDigits: 2 }),
  }));

export const chartAxes: readonly ChartAxis[] = [
  {
    kind: "step",
    choice: "Step",
    label: "Step",
    format: formatPosition,
    integer: true,
    width: 84,
    missing: "",
  },
  {
    kind: "epoch",
    choice: "Epoch",
    label: "Epoch",
    format: formatPosition,
    integer: false,
    width: 84,
    missing: "The log says no epochs",
  },
  {
    kind: "relativeTime",
    choice: "Elapsed",
    label: "Elapsed time",
    format: formatElapsed,
    integer: false,
    ticks: elapsedTicks,
    width: 110,
    missing: "The log tells no times",
  },
  {
    kind: "wallTime",
    choice: "Time",
    label: "Time",
    format: formatClock,
    integer: false,
    ticks: clockTicks,
    width: 170,
    missing: "The log tells no times of day",
  },
  {
    kind: "tokens",
    choice: "Tokens",
    label: "Tokens",
    format: formatPosition,
    integer: true,
    ticks: tokenTicks,
    width: 120,
    missing: "The log counts no tokens",
  },
];

export function chartAxis(kind: AxisKind): ChartAxis {
  return chartAxes.find((axis) => axis.kind === kind) ?? (chartAxes[0] as ChartAxis);
}
