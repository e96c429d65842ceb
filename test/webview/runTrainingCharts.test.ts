import { expect, test } from "vitest";
import { smooth } from "../../src/core/runs/smoothing";
import {
  chartMarkers,
  chartPlans,
  chartSeries,
  hasEpochs,
  isSmoothedByItself,
} from "../../webview/training/trainingCharts";
import type { TrainingPlace } from "../../webview/training/trainingPlace";
import { trainingSamples } from "./fakeHost/trainingSamples";

const place: TrainingPlace = {
  shows: "charts",
  axis: "step",
  smoothing: 0.6,
  logarithmic: false,
  metrics: undefined,
  smoothed: {},
  choosing: false,
  range: undefined,
};
const run = trainingSamples.run?.();
const series = run?.series ?? [];
const metric = (key: string) => {
  const found = series.find((each) => each.key === key);
  if (found === undefined) throw new Error(`No metric ${key}`);
  return found;
};

test("only losses of the training are smoothed by themselves: neither learning rate nor evaluations", () => {
  expect(series.filter(isSmoothedByItself).map(({ key }) => key)).toEqual(["loss"]);
  expect(chartSeries(metric("learning_rate"), 0, place).smoothed).toBeUndefined();
  expect(chartSeries(metric("eval_loss"), 0, place).smoothed).toBeUndefined();
  expect(
    chartSeries(metric("learning_rate"), 0, { ...place, smoothed: { learning_rate: true } }).smoothed,
  ).toBeDefined();
  expect(chartSeries(metric("loss"), 0, { ...place, smoothed: { loss: false } }).smoothed).toBeUndefined();
  expect(chartSeries(metric("loss"), 0, { ...place, smoothing: 0 }).smoothed).toBeUndefined();
});

test("smoothing is core's, of all values, and the values themselves stay as logged", () => {
  const loss = chartSeries(metric("loss"), 0, place);
  expect(loss.y).toBe(metric("loss").values);
  expect(loss.smoothed).toEqual(smooth(metric("loss").values, 0.6));
});

test("the losses share the large chart; learning rate and gradient norm are there at first", () => {
  expect(chartPlans(series, undefined).map(({ id, size, metrics }) => [id, size, metrics.length])).toEqual([
    ["loss", "large", 2],
    ["learning_rate", "small", 1],
    ["grad_norm", "small", 1],
  ]);
  expect(chartPlans(series, ["rewards/chosen"]).map(({ id }) => id)).toEqual(["loss", "rewards/chosen"]);
});

test("an epoch axis has the epochs, in order, without the points whose epoch is unknown", () => {
  const epochs = Float64Array.from([1, Number.NaN, 0.5, 2]);
  const odd = {
    ...metric("loss"),
    steps: Float64Array.from([1, 2, 3, 4]),
    epochs,
    values: Float64Array.from([10, 20, 30, 40]),
  };
  const along = chartSeries(odd, 0, { ...place, axis: "epoch", smoothing: 0 });
  expect([...along.x]).toEqual([0.5, 1, 2]);
  expect([...along.y]).toEqual([30, 10, 40]);
  expect(hasEpochs(series)).toBe(true);
  expect(hasEpochs(trainingSamples.notFinite?.().series ?? [])).toBe(false);
});

test("checkpoints whose epoch is unknown have no place on an epoch axis", () => {
  const [first] = run?.checkpoints ?? [];
  if (first === undefined) throw new Error("The sample has checkpoints");
  expect(chartMarkers([{ ...first, epoch: Number.NaN }], "step")).toHaveLength(1);
  expect(chartMarkers([{ ...first, epoch: Number.NaN }], "epoch")).toHaveLength(0);
});
