import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { LogEntry } from "../../../../src/core/progress/trainerState";
import { describeMetric } from "../../../../src/core/runs/series/metricFamily";
import {
  bestPoint,
  buildSeries,
  indexAtStep,
  type MetricSeries,
  valueAtStep,
} from "../../../../src/core/runs/series/metricSeries";

function entry(step: number, values: Record<string, number>, epoch = Number.NaN): LogEntry {
  return { step, epoch, values: new Map(Object.entries(values)) };
}

function only(log: readonly LogEntry[], key = "loss"): MetricSeries {
  const series = buildSeries(log).find((one) => one.key === key);
  if (series === undefined) throw new Error(`No series ${key}`);
  return series;
}

describe("buildSeries", () => {
  it("makes a series of each metric with its own steps and epochs", () => {
    const log = [entry(10, { loss: 3 }, 0.5), entry(10, { eval_loss: 4 }, 0.5), entry(20, { loss: 2 })];
    const [loss, evalLoss] = buildSeries(log);
    expect(loss).toMatchObject({ key: "loss", label: "Loss", kind: "train" });
    expect([...(loss?.steps ?? [])]).toEqual([10, 20]);
    expect([...(loss?.epochs ?? [])]).toEqual([0.5, Number.NaN]);
    expect([...(loss?.values ?? [])]).toEqual([3, 2]);
    expect(evalLoss).toMatchObject({ key: "eval_loss", label: "Eval loss", kind: "eval" });
    expect([...(evalLoss?.steps ?? [])]).toEqual([10]);
  });

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

  it("keeps the last of several values at one step, in the order of the steps", () => {
    const log = [10, 20, 30, 20, 30, 5].map((step, index) => entry(step, { loss: index }));
    expect([...only(log).steps]).toEqual([5, 10, 20, 30]);
    expect([...only(log).values]).toEqual([5, 0, 3, 4]);
  });

  it("keeps NaN and infinities", () => {
    const log = [entry(1, { loss: Number.NaN }), entry(2, { loss: Number.POSITIVE_INFINITY })];
    expect([...only(log).values]).toEqual([Number.NaN, Number.POSITIVE_INFINITY]);
  });

  it("leaves out entries whose step is unknown", () => {
    expect(buildSeries([entry(Number.NaN, { loss: 1 })])).toEqual([]);
    expect(buildSeries([])).toEqual([]);
  });

  it("agrees with a Map of steps, whatever the log", () => {
    const rows = fc.array(fc.tuple(fc.integer({ min: 0, max: 20 }), fc.double()));
    fc.assert(
      fc.property(rows, (log) => {
        const expected = [...new Map(log)].sort(([a], [b]) => a - b);
        const [series] = buildSeries(log.map(([step, loss]) => entry(step, { loss })));
        expect([...(series?.steps ?? [])]).toEqual(expected.map(([step]) => step));
        expect([...(series?.values ?? [])]).toEqual(expected.map(([, value]) => value));
      }),
    );
  });

  it("owns its buffers, so that a message carries no more than the series", () => {
    const series = only([entry(1, { loss: 1 })]);
    for (const column of [series.steps, series.epochs, series.values]) {
      expect(column.buffer.byteLength).toBe(column.byteLength);
    }
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

  it("finds the lowest eval loss before the lowest loss", () => {
    const log = [entry(1, { loss: 0.1, eval_loss: 3 }), entry(2, { loss: 2, eval_loss: 1 })];
    expect(bestPoint(buildSeries(log))).toEqual({ key: "eval_loss", step: 2, value: 1 });
    expect(bestPoint(buildSeries([entry(1, { loss: 2 }), entry(2, { loss: Number.NaN })]))).toEqual({
      key: "loss",
      step: 1,
      value: 2,
    });
  });

  it("takes a named evaluation set when there is only one", () => {
    const one = [entry(1, { loss: 0.1, eval_wiki_loss: 3 })];
    expect(bestPoint(buildSeries(one))?.key).toBe("eval_wiki_loss");
    const two = [entry(1, { loss: 0.1, eval_wiki_loss: 3, eval_code_loss: 2 })];
    expect(bestPoint(buildSeries(two))?.key).toBe("loss");
  });

  it("finds no best where nothing is finite", () => {
    expect(
      bestPoint(buildSeries([entry(1, { loss: Number.NaN, eval_loss: Number.NEGATIVE_INFINITY })])),
    ).toBe(undefined);
    expect(bestPoint([])).toBeUndefined();
  });
});
