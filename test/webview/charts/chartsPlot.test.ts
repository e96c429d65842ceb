import { expect, test } from "vitest";
import { rowAt, valueRows } from "../../../src/core/runs/series/valueRows";
import { axisLabels, linearTicks, logTicks } from "../../../webview/charts/axisTicks";
import { type ChartSeries, domainOf, nearestX, neighbourX } from "../../../webview/charts/chartSeries";
import {
  createChartView,
  panBy,
  reveal,
  setRange,
  visibleRange,
  zoomBy,
} from "../../../webview/charts/chartView";
import { countLeftOut, plotPoints, valueRange } from "../../../webview/charts/plot/plotPoints";
import { leftOutNotes, summarise, summarySentence } from "../../../webview/charts/seriesSummary";
import { cumulativeEnergy } from "../../../webview/charts/spectrum";

const steps = (count: number) => Float64Array.from({ length: count }, (_, index) => index + 1);
const everything = { min: Number.NEGATIVE_INFINITY, max: Number.POSITIVE_INFINITY };

function series(label: string, x: readonly number[], y: readonly number[]): ChartSeries {
  return { key: label, label, x: Float64Array.from(x), y: Float64Array.from(y), style: 0 };
}

const line = (y: Float64Array, x = steps(y.length)): ChartSeries => ({
  key: "a",
  label: "a",
  x,
  y,
  style: 0,
});

test("a spike of one step among 100,000 is drawn, in the whole and zoomed in", () => {
  const x = steps(100_000);
  const spiked = line(x.map((step) => (step === 40_000 ? 99 : 1)));
  const whole = plotPoints(spiked, { min: 1, max: 100_000 }, 800, false);
  expect(whole.points.length).toBeLessThan(900);
  expect(Math.max(...(whole.band?.max ?? []))).toBe(99);
  expect([...(whole.band?.max ?? [])].filter((value) => value > 1)).toHaveLength(1);
  const near = plotPoints(spiked, { min: 39_990, max: 40_010 }, 800, false);
  // All of them, and one more on each side, so that the line goes on to the edge.
  expect(near.points).toHaveLength(23);
  expect(near.points).toContainEqual({ x: 40_000, y: 99 });
  expect(near.band).toBeUndefined();
});

test("a line of which only samples were sent is drawn as they are", () => {
  const x = Float64Array.of(10, 20, 30);
  const slices = {
    first: Float64Array.of(1, Number.NaN, 3),
    min: Float64Array.of(0, 2, 3),
    max: Float64Array.of(9, 2, 4),
    count: Uint32Array.of(5, 5, 1),
    notFinite: Uint32Array.of(0, 1, 0),
  };
  const sampled = { ...line(Float64Array.of(1, 2, 3), x), slices, smoothed: Float64Array.of(1, 1.5, 2) };
  const { points, gaps, band, smoothed } = plotPoints(sampled, { min: 0, max: 40 }, 800, false);
  // The second slice begins with a gap, so that it is not joined to the first.
  expect(points.map(({ y }) => y)).toEqual([1, Number.NaN, 2, 3]);
  expect([gaps, [...(band?.max ?? [])], smoothed?.points.map(({ y }) => y)]).toEqual([
    [20],
    [9, 2, 4],
    [1, 1.5, 2],
  ]);
  expect(valueRange(sampled, { min: 0, max: 40 }, false)).toEqual({ min: 0, max: 9 });
  // The slice that ends beyond the range reaches into it.
  expect(valueRange(sampled, { min: 12, max: 18 }, false)).toEqual({ min: 1.5, max: 2 });
});

test("what is not finite breaks the line and is marked; a point without neighbours is known as such", () => {
  const y = Float64Array.from([1, Number.NaN, 3, Number.POSITIVE_INFINITY, 5, 6]);
  const { points, gaps, isolated } = plotPoints(line(y), everything, 100, false);
  expect(points.map(({ y: value }) => value)).toEqual([1, Number.NaN, 3, Number.NaN, 5, 6]);
  expect(gaps).toEqual([2, 4]);
  expect([...isolated]).toEqual([0, 2]);
});

test("a logarithmic axis leaves out zero and negative values, says how many, and marks only what is not finite", () => {
  const y = Float64Array.from([0, -1, 2, Number.NaN, 4]);
  const { points, gaps } = plotPoints(line(y), everything, 100, true);
  expect(points.map(({ y: value }) => value)).toEqual([Number.NaN, Number.NaN, 2, Number.NaN, 4]);
  expect(gaps).toEqual([4]);
  expect(countLeftOut(y)).toEqual({ notFinite: 1, notPositive: 2 });
  expect(leftOutNotes([series("loss", [1, 2, 3, 4, 5], [...y])], true)).toEqual([
    "loss: 1 value NaN or infinite, a gap marked ×",
    "loss: 2 values not above zero, left out of the logarithmic axis",
  ]);
  expect(valueRange(line(y), everything, true)).toEqual({ min: 2, max: 4 });
  expect(valueRange(line(y), { min: 1, max: 2 }, true)).toBeUndefined();
});

test.each([
  [0, 1, 5, [0, 0.2, 0.4, 0.6, 0.8, 1]],
  [0.1, 0.7, 4, [0.2, 0.4, 0.6]],
  [-3, 12, 5, [0, 5, 10]],
  [2, 480, 6, [100, 200, 300, 400]],
  [0.53, 1.44, 3, [0.6, 0.8, 1, 1.2, 1.4]],
])("linear ticks between %d and %d are round", (min, max, count, ticks) => {
  expect(linearTicks({ min, max }, count)).toEqual(ticks);
});

test("ticks of whole numbers are whole numbers", () => {
  expect(linearTicks({ min: 3, max: 5 }, 10, true)).toEqual([3, 4, 5]);
});

test.each([
  [0.8, 6, 12, [0.8, 0.9, 1, 2, 3, 4, 5, 6]],
  [1, 1000, 4, [1, 10, 100, 1000]],
  [1e-8, 1e-1, 4, [1e-8, 1e-6, 1e-4, 1e-2]],
  [2.1, 2.4, 4, [2.1, 2.2, 2.3, 2.4]],
])("logarithmic ticks between %d and %d", (min, max, count, ticks) => {
  expect(logTicks({ min, max }, count)).toEqual(ticks);
});

test.each([
  [
    [0, 0.5, 1],
    ["0.0", "0.5", "1.0"],
  ],
  [
    [0, 1e-4, 2e-4],
    ["0", "1e-4", "2e-4"],
  ],
  [
    [5e-5, 1e-4, 1.5e-4],
    ["0.5e-4", "1.0e-4", "1.5e-4"],
  ],
  [
    [0, 20_000, 40_000],
    ["0", "20,000", "40,000"],
  ],
])("the labels of one axis have one notation: %j", (ticks, labels) => {
  expect(axisLabels(ticks)).toEqual(labels);
});

test("the domain of one point has room around it", () => {
  expect(domainOf([series("a", [10], [1])])).toEqual({ min: 9, max: 11 });
  expect(domainOf([])).toEqual({ min: 0, max: 1 });
});

test("the cursor finds the nearest point of any series and goes from one to the next", () => {
  const both = [series("a", [1, 5, 9], [0, 0, 0]), series("b", [4], [0])];
  expect(nearestX(both, 4.4)).toBe(4);
  expect(nearestX(both, -100)).toBe(1);
  expect(nearestX(both, 100)).toBe(9);
  expect(neighbourX(both, 1, 1)).toBe(4);
  expect(neighbourX(both, 4, 1)).toBe(5);
  expect(neighbourX(both, 5, -1)).toBe(4);
  expect(neighbourX(both, 9, 1)).toBeUndefined();
});

test("zoom and pan stay within the domain, and all of it in sight is no zoom", () => {
  const view = createChartView();
  const domain = { min: 0, max: 100 };
  zoomBy(view, domain, 0.5, 10);
  expect(view.range.value).toEqual({ min: 5, max: 55 });
  panBy(view, domain, -1);
  expect(view.range.value).toEqual({ min: 0, max: 50 });
  panBy(view, domain, 10);
  expect(view.range.value).toEqual({ min: 50, max: 100 });
  reveal(view, domain, 20);
  expect(view.range.value).toEqual({ min: 0, max: 50 });
  zoomBy(view, domain, 10, undefined);
  expect(view.range.value).toBeUndefined();
  setRange(view, domain, { min: 2, max: 3 });
  // Steps became epochs: what was in sight is not there any more.
  expect(visibleRange(view, { min: 10, max: 20 })).toEqual({ min: 10, max: 20 });
});

test("the table of several series has one row for each position, and the nearest row is found", () => {
  const rows = valueRows([Float64Array.from([1, 2, 4]), Float64Array.from([2, 3])]);
  expect([...rows.x]).toEqual([1, 2, 3, 4]);
  expect(rows.indices.map((indices) => [...indices])).toEqual([
    [0, 1, -1, 2],
    [-1, 0, 1, -1],
  ]);
  expect(rowAt(rows, 3)).toBe(2);
  expect(rowAt(rows, 100)).toBe(3);
  expect(rowAt(valueRows([]), 1)).toBeUndefined();
});

test("a summary in words: NaN is the latest where it is the latest, and never the lowest", () => {
  const loss = series("Loss", [10, 20, 30], [2, 1, Number.NaN]);
  expect(summarise(loss)).toMatchObject({
    latest: Number.NaN,
    lowest: { x: 20, value: 1 },
    highest: { x: 10, value: 2 },
  });
  const formats = { xLabel: "Step", formatX: String, formatY: String };
  expect(summarySentence(loss, formats)).toBe(
    "Loss: 3 values from step 10 to 30; latest NaN; lowest 1 at step 20; highest 2 at step 10.",
  );
});

test("cumulative energy ends at one, and is not a number where there is no energy", () => {
  expect([...cumulativeEnergy(Float64Array.from([2, 1]))]).toEqual([0.8, 1]);
  expect([...cumulativeEnergy(Float64Array.from([0, 0]))]).toEqual([Number.NaN, Number.NaN]);
});
