import { describe, expect, it } from "vitest";
import type { LogEntry } from "../../../../src/core/progress/trainerState";
import { describeMetric, isSetting } from "../../../../src/core/runs/series/metricFamily";
import { indexAtStep, type MetricSeries, valueAtStep } from "../../../../src/core/runs/series/metricSeries";
import { buildSeries } from "./builtSeries";

function entry(step: number, values: Record<string, number>, epoch = Number.NaN): LogEntry {
  return { step, epoch, values: new Map(Object.entries(values)) };
}

function only(log: readonly LogEntry[], key = "loss"): MetricSeries {
  const series = buildSeries(log).find((one) => one.key === key);
  if (series === undefined) throw new Error(`No series ${key}`);
  return series;
}

it("takes a column that only repeats a setting for none", () => {
  expect(isSetting("hidden_size", [100, 100, 100])).toBe(true);
  expect(isSetting("model/num_layers", [2])).toBe(true);
  // Grown while it trained, or a score that stays at its best.
  expect(isSetting("batch_size", [32, 32, 64])).toBe(false);
  expect(isSetting("accuracy", [1, 1, 1])).toBe(false);
});

describe("series", () => {
  it("puts the main metrics first, families together and speed last", () => {
    const names = [
      "eval_runtime",
      "rewards/margins",
      "grad_norm",
      "completions/mean_length",
      "eval_accuracy",
    ];
    const more = ["eval_loss", "num_tokens", "learning_rate", "rewards/chosen", "loss", "entropy"];
    const log = [entry(1, Object.fromEntries([...names, ...more].map((name) => [name, 1])))];
    expect(buildSeries(log).map(({ key }) => key)).toEqual([
      "loss",
      "eval_loss",
      "learning_rate",
      "grad_norm",
      "completions/mean_length",
      "eval_accuracy",
      "rewards/chosen",
      "rewards/margins",
      "entropy",
      "eval_runtime",
      "num_tokens",
    ]);
  });
});

describe("describeMetric", () => {
  it.each([
    ["loss", "main", "train"],
    ["eval_loss", "main", "eval"],
    ["eval_accuracy", "eval", "eval"],
    ["eval_wiki_loss", "eval", "eval"],
    ["eval_rewards/margins", "eval_rewards", "eval"],
    ["rewards/chosen", "rewards", "train"],
    ["completions/mean_length", "completions", "train"],
    ["mean_token_accuracy", "training", "train"],
    ["train_accuracy", "train", "train"],
    ["eval_samples_per_second", "speed", "other"],
    ["eval_runtime", "speed", "other"],
    ["num_input_tokens_seen", "speed", "other"],
    ["total_flos", "speed", "other"],
    ["/odd", "training", "train"],
    ["evaluate", "training", "train"],
    ["", "training", "train"],
  ])("%s belongs to %s", (key, group, kind) => {
    expect(describeMetric(key)).toMatchObject({ group, kind });
  });
});

describe("looking up", () => {
  const series = only([10, 20, 30].map((step) => entry(step, { loss: step / 10 })));

  it("finds the value at or before a step", () => {
    expect(valueAtStep(series, 9)).toBeUndefined();
    expect(valueAtStep(series, 10)).toBe(1);
    expect(valueAtStep(series, 29.5)).toBe(2);
    expect(valueAtStep(series, 1e9)).toBe(3);
    expect(indexAtStep(series, 0)).toBe(-1);
  });
});
