import type { Chart, ChartOptions, ScaleOptions } from "chart.js";
import { axisLabels, formatPosition, linearTicks, logAxisLabels, logTicks } from "../axisTicks";
import type { ChartRange } from "../chartSeries";
import { withAlpha } from "../chartTheme";
import type { PlotModel } from "./plotModel";

export interface PlotHooks {
  readonly onRange: () => void;
  readonly onResize: (width: number) => void;
  readonly wheelZooms: (event: WheelEvent) => boolean;
}

const fontSize = 11;
const pixelsPerYTick = 36;
const pixelsPerXTick = 76;

/** The options of chart.js for a plot: our ticks, our colours, no animation, and zoom along x only. */
export function plotOptions(
  model: PlotModel,
  fitted: ChartRange | undefined,
  hooks: PlotHooks,
): ChartOptions<"line"> {
  const { theme, domain, range } = model;
  const y = valueAxis(model, fitted);
  return {
    animation: false,
    responsive: true,
    maintainAspectRatio: false,
    parsing: false,
    // Pointer and keys are handled over the canvas, where a reading can also be text.
    events: [],
    layout: { padding: { top: model.flags ? 20 : 4, right: 8, bottom: 0, left: 0 } },
    onResize: (_chart, { width }) => hooks.onResize(width),
    scales: {
      x: {
        type: "linear",
        min: range.min,
        max: range.max,
        ...axisLook(model),
        grid: { display: false },
        ticks: { ...tickLook(model), maxRotation: 0, autoSkip: false },
        afterBuildTicks: (axis) => {
          const count = Math.max(2, Math.floor(axis.chart.width / pixelsPerXTick));
          if (model.xTicks !== undefined) {
            axis.ticks = model.xTicks(axis, count).map((tick) => ({ ...tick }));
            return;
          }
          const values = linearTicks(axis, count, model.integerX);
          axis.ticks = values.map((value) => ({ value, label: formatPosition(value) }));
        },
        afterTickToLabelConversion: (axis) => {
          const { xTicks } = model;
          if (xTicks === undefined) return keepOwnLabels(formatPositions)(axis);
          const count = Math.max(2, Math.floor(axis.chart.width / pixelsPerXTick));
          const labels = new Map(xTicks(axis, count).map(({ value, label }) => [value, label]));
          for (const tick of axis.ticks) tick.label = labels.get(tick.value) ?? "";
        },
      },
      y: {
        type: model.logarithmic ? "logarithmic" : "linear",
        min: y.min,
        max: y.max,
        ...axisLook(model),
        grid: { color: theme.grid, drawTicks: false },
        ticks: { ...tickLook(model), autoSkip: false },
        // One width for all, so that charts above each other have their moments above each other.
        afterFit: (axis) => {
          axis.width = Math.max(axis.width, 52);
        },
        afterBuildTicks: (axis) => {
          const count = Math.max(2, Math.floor(axis.chart.height / pixelsPerYTick));
          const values = model.logarithmic ? logTicks(axis, count) : linearTicks(axis, count);
          axis.ticks = values.map((value) => ({ value }));
        },
        afterTickToLabelConversion: keepOwnLabels((values) => {
          if (model.formatY !== undefined) return values.map(model.formatY);
          return model.logarithmic ? logAxisLabels(values) : axisLabels(values);
        }),
      },
    },
    plugins: {
      zoom: {
        limits: { x: { min: domain.min, max: domain.max, minRange: minimumRange(model) } },
        zoom: {
          mode: "x",
          wheel: { enabled: true, speed: 0.15 },
          pinch: { enabled: true },
          drag: {
            enabled: true,
            threshold: 6,
            backgroundColor: withAlpha(theme.focus, 0.2),
            borderColor: theme.focus,
            borderWidth: 1,
          },
          onZoomStart: ({ event, chart, point }) =>
            event.type === "wheel"
              ? hooks.wheelZooms(event as unknown as WheelEvent)
              : isInside(chart, point),
          onZoom: hooks.onRange,
        },
        pan: { enabled: true, mode: "x", modifierKey: "shift", onPan: hooks.onRange },
      },
    },
  };
}

function isInside(
  { chartArea }: Chart,
  { x, y }: { readonly x: number | null; readonly y: number | null },
): boolean {
  if (x === null || y === null) return false;
  return x >= chartArea.left && x <= chartArea.right && y >= chartArea.top && y <= chartArea.bottom;
}

/** Zooming ends at a few steps, or at a ten-thousandth where x is a fraction. */
function minimumRange({ integerX, domain }: PlotModel): number {
  const span = domain.max - domain.min;
  return Math.min(span, integerX ? 2 : span / 10_000);
}

/** Some room above and below, and none below zero where nothing is negative. */
function valueAxis({ logarithmic, yRange }: PlotModel, fitted: ChartRange | undefined): ChartRange {
  if (yRange !== undefined) return yRange;
  if (fitted === undefined) return logarithmic ? { min: 0.1, max: 1 } : { min: 0, max: 1 };
  const { min, max } = fitted;
  if (logarithmic) {
    const factor = max > min ? (max / min) ** 0.05 : 1.5;
    return { min: min / factor, max: max * factor };
  }
  const pad = max > min ? (max - min) * 0.06 : Math.abs(max) * 0.1 || 1;
  return { min: min >= 0 ? Math.max(0, min - pad) : min - pad, max: max + pad };
}

function formatPositions(values: readonly number[]): string[] {
  return values.every(Number.isInteger) ? values.map(formatPosition) : axisLabels(values);
}

type Axis = Parameters<NonNullable<ScaleOptions<"linear">["afterTickToLabelConversion"]>>[0];

function keepOwnLabels(label: (values: readonly number[]) => readonly string[]): (axis: Axis) => void {
  return (axis) => {
    const labels = label(axis.ticks.map(({ value }) => value));
    axis.ticks.forEach((tick, index) => {
      tick.label = labels[index] ?? "";
    });
  };
}

function axisLook({ theme }: PlotModel) {
  return { border: { color: theme.axis, display: true } };
}

function tickLook({ theme }: PlotModel) {
  return {
    color: theme.muted,
    font: { family: theme.fontFamily, size: fontSize },
    padding: 4,
  };
}
