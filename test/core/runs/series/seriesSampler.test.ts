import { describe, expect, it } from "vitest";
import type { MetricSeries } from "../../../../src/core/runs/series/metricSeries";
import { SeriesSampler } from "../../../../src/core/runs/series/seriesSampler";

function series(key: string, values: readonly number[]): MetricSeries {
  const steps = Float64Array.from(values, (_, index) => index * 10);
  return {
    key,
    group: "main",
    label: key,
    kind: "train",
    steps,
    epochs: steps.map((step) => step / 100),
    values: Float64Array.from(values),
    wallTimes: steps.map((step) => 1_700_000_000 + step),
  };
}

const all = [series("loss", [4, -1, 2, 1]), series("num_tokens", [0, 1000, 2000, 3000])];
const sampler = new SeriesSampler({
  keys: () => all.map(({ key }) => key),
  series: (key) => all.find((one) => one.key === key),
  originSeconds: () => 1_700_000_000,
});
const open = { from: Number.NEGATIVE_INFINITY, to: Number.POSITIVE_INFINITY, slices: 100 };

describe("SeriesSampler", () => {
  it("gives a metric on each axis", () => {
    const xOf = (axis: "step" | "epoch" | "wallTime" | "relativeTime" | "tokens") => [
      ...(sampler.sample({ key: "loss", axis, ...open })?.envelope.x ?? []),
    ];
    expect(xOf("step")).toEqual([0, 10, 20, 30]);
    expect(xOf("epoch")).toEqual([0, 0.1, 0.2, 0.3]);
    expect(xOf("relativeTime")).toEqual([0, 10, 20, 30]);
    expect(xOf("wallTime")).toEqual([0, 10, 20, 30].map((second) => 1_700_000_000 + second));
    expect(xOf("tokens")).toEqual([0, 1000, 2000, 3000]);
  });

  it("smooths all points before it picks some: the same whatever the zoom", () => {
    const smoothing = { kind: "mean", radius: 1 } as const;
    const whole = sampler.sample({ key: "loss", axis: "step", smoothing, ...open });
    const zoomed = sampler.sample({ key: "loss", axis: "step", smoothing, from: 20, to: 20, slices: 1 });
    expect([...(whole?.smoothed?.last ?? [])][2]).toBeCloseTo(2 / 3, 12);
    expect([...(zoomed?.smoothed?.last ?? [])][1]).toBeCloseTo(2 / 3, 12);
    expect([...(whole?.envelope.last ?? [])]).toEqual([4, -1, 2, 1]);
    const average = sampler.sample({
      key: "loss",
      axis: "step",
      smoothing: { kind: "average", weight: 0.5 },
      ...open,
    });
    expect(average?.smoothed?.last[0]).toBe(4);
  });

  it("leaves gaps where a logarithmic axis has no place", () => {
    const sampled = sampler.sample({ key: "loss", axis: "step", positiveOnly: true, ...open });
    expect([...(sampled?.envelope.last ?? [])]).toEqual([4, Number.NaN, 2, 1]);
    expect([sampled?.firstX, sampled?.lastX]).toEqual([0, 30]);
  });

  it("gives nothing of a metric that is not there", () => {
    expect(sampler.sample({ key: "other", axis: "step", ...open })).toBeUndefined();
  });
});
