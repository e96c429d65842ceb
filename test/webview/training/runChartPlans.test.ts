import { expect, test } from "vitest";
import type { RunHead } from "../../../src/core/runs/merge/runHead";
import type { SampledSeries } from "../../../src/core/runs/series/seriesSampler";
import { SeriesSampler } from "../../../src/core/runs/series/seriesSampler";
import {
  chartGroups,
  chartMarkers,
  chartPlans,
  choosableMetrics,
  isSmoothed,
  isSmoothedByItself,
  shownPlans,
  smoothingOf,
} from "../../../webview/training/chartPlans";
import { joinSamples } from "../../../webview/training/sampledLines";
import { startViewState, viewStateFrom } from "../../../webview/training/trainingViewState";
import { runSamples } from "../fakeHost/run/runSamples";
import { trainingSamples } from "../fakeHost/run/trainingSamples";

const drawn = (name: string) =>
  (runSamples[name]?.() ?? []).map(({ id, name: label, run }, style) => ({
    id,
    name: label,
    style,
    head: run.head(),
  }));
const [run] = drawn("run");
const head = run?.head as RunHead;
const metric = (key: string) => {
  const found = head.metrics.find((each) => each.key === key);
  if (found === undefined) throw new Error(`No metric ${key}`);
  return found;
};

test("only losses of the training are smoothed by themselves: neither learning rate nor evaluations", () => {
  expect(head.metrics.filter(isSmoothedByItself).map(({ key }) => key)).toEqual(["loss"]);
  expect(isSmoothed(metric("learning_rate"), startViewState)).toBe(false);
  expect(isSmoothed(metric("learning_rate"), { ...startViewState, smoothed: { learning_rate: true } })).toBe(
    true,
  );
  expect(isSmoothed(metric("loss"), { ...startViewState, smoothed: { loss: false } })).toBe(false);
  expect(isSmoothed(metric("loss"), { ...startViewState, weight: 0 })).toBe(false);
  expect(smoothingOf({ ...startViewState, smoothing: "mean", radius: 20 })).toEqual({
    kind: "mean",
    radius: 20,
  });
  expect(smoothingOf({ ...startViewState, smoothing: "mean", radius: 0 })).toBeUndefined();
});

test("of one run the losses share the large chart, and every other metric has its own in its family", () => {
  const plans = chartPlans(drawn("run"));
  expect(plans.slice(0, 3).map(({ id, size, lines }) => [id, size, lines.length])).toEqual([
    ["loss", "large", 2],
    ["learning_rate", "small", 1],
    ["grad_norm", "small", 1],
  ]);
  expect(
    chartGroups(plans).map(({ name, plans: members, foldedByItself }) => [
      name,
      members.length,
      foldedByItself,
    ]),
  ).toEqual([
    ["training", 1, false],
    ["rewards", 3, false],
    ["eval", 1, false],
    ["speed", 3, true],
  ]);
  const shown = shownPlans(plans, ["grad_norm", "rewards/chosen", "loss"]);
  // The loss of the only run can't be left out.
  expect(shown.map(({ id }) => id)).not.toContain("grad_norm");
  expect(shown[0]?.id).toBe("loss");
  expect(choosableMetrics(plans).map(({ key }) => key)).not.toContain("loss");
});

test("of several runs each metric has a chart with a line for each run that has it", () => {
  const plans = chartPlans(drawn("sweep"));
  expect(plans.map(({ id, size, lines }) => [id, size, lines.length])).toEqual([
    ["loss", "large", 4],
    ["eval_loss", "small", 4],
    ["learning_rate", "small", 4],
    ["grad_norm", "small", 4],
  ]);
  expect(plans[0]?.lines.map(({ label, style }) => [label, style])).toEqual([
    ["qwen-lora-lr-1e-4", 0],
    ["qwen-lora-lr-2e-4", 1],
    ["qwen-lora-lr-4e-4", 2],
    ["qwen-lora-lr-8e-4", 3],
  ]);
  expect(chartPlans([])).toEqual([]);
});

test("checkpoints whose place on an axis is unknown are not on it", () => {
  const [first] = head.checkpoints;
  if (first === undefined) throw new Error("The sample has checkpoints");
  const only = (epoch: number) => ({ ...head, checkpoints: [{ ...first, epoch, wallTime: 130 }] });
  expect(chartMarkers(only(Number.NaN), "step")).toHaveLength(1);
  expect(chartMarkers(only(Number.NaN), "epoch")).toHaveLength(0);
  expect(chartMarkers({ ...only(1), originSeconds: 100 }, "relativeTime").map(({ x }) => x)).toEqual([30]);
});

test("where the reader looks is drawn finely, and what lies beyond as before", () => {
  const series = trainingSamples.long?.().series.find(({ key }) => key === "loss");
  if (series === undefined) throw new Error("The sample has a loss");
  const sampler = new SeriesSampler({
    keys: () => ["loss"],
    series: () => series,
    originSeconds: () => undefined,
  });
  const ask = (from: number, to: number) =>
    sampler.sample({
      key: "loss",
      axis: "step",
      from,
      to,
      slices: 100,
      smoothing: { kind: "average", weight: 0.5 },
    }) as SampledSeries;
  const range = { min: 30_000, max: 31_000 };
  const whole = ask(Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY);
  const { x, last, smoothed, max, count } = joinSamples(whole, ask(range.min, range.max), range);
  expect([...x]).toEqual([...x].sort((a, b) => a - b));
  expect(new Set(x).size).toBe(x.length);
  expect([last.length, smoothed?.length, max.length, count.length]).toEqual(Array(4).fill(x.length));
  expect([...x].filter((at) => at >= range.min && at <= range.max).length).toBeGreaterThan(90);
  expect([x[0], x.at(-1)]).toEqual([whole.envelope.x[0], 100_000]);
  // The spike at step 40,000 lies beyond, and is still there.
  expect(Math.max(...max)).toBe(5.75);
});

test("what another version of the page kept is read as far as it means anything", () => {
  expect(viewStateFrom({})).toEqual(startViewState);
  const odd = {
    axis: "phase of the moon",
    weight: 7,
    radius: -1,
    hidden: ["a", 3],
    smoothed: { a: true, b: 1 },
    folded: null,
    range: { min: 5, max: 5 },
  };
  expect(viewStateFrom(odd as never)).toEqual({ ...startViewState, hidden: ["a"], smoothed: { a: true } });
  expect(viewStateFrom({ axis: "tokens", smoothing: "mean", radius: 50 })).toMatchObject({
    axis: "tokens",
    radius: 50,
  });
});
