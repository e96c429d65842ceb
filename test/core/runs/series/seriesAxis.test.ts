import { describe, expect, it } from "vitest";
import type { MetricSeries } from "../../../../src/core/runs/series/metricSeries";
import { seriesOnAxis, tokenKeyOf } from "../../../../src/core/runs/series/seriesAxis";

function series(
  key: string,
  steps: number[],
  values: number[],
  wallTimes?: number[],
  epochs?: number[],
): MetricSeries {
  return {
    key,
    group: "main",
    label: key,
    kind: "train",
    steps: Float64Array.from(steps),
    values: Float64Array.from(values),
    epochs: Float64Array.from(epochs ?? steps.map(() => Number.NaN)),
    ...(wallTimes === undefined ? {} : { wallTimes: Float64Array.from(wallTimes) }),
  };
}

const loss = series("loss", [10, 20, 30], [3, 2, 1], [100, 90, Number.NaN], [0.1, 0.2, 0.3]);

describe("seriesOnAxis", () => {
  it("puts a series over steps and epochs as it is", () => {
    expect(seriesOnAxis(loss, "step")).toEqual({ x: loss.steps, y: loss.values, omitted: 0 });
    expect(seriesOnAxis(loss, "epoch")).toEqual({ x: loss.epochs, y: loss.values, omitted: 0 });
  });

  it("puts it over time in the order of the time, without points that have none", () => {
    const points = seriesOnAxis(loss, "wallTime");
    expect([[...(points?.x ?? [])], [...(points?.y ?? [])], points?.omitted]).toEqual([[90, 100], [2, 3], 1]);
    const relative = seriesOnAxis(loss, "relativeTime", { originSeconds: 80 });
    expect([...(relative?.x ?? [])]).toEqual([10, 20]);
  });

  it("puts it over the tokens that were seen by then", () => {
    const tokens = series("num_tokens", [0, 40], [0, 4000]);
    expect(tokenKeyOf(["loss", "num_tokens"])).toBe("num_tokens");
    expect([...(seriesOnAxis(loss, "tokens", { tokens })?.x ?? [])]).toEqual([1000, 2000, 3000]);
  });

  it("is not possible where no log knows the axis", () => {
    const bare = series("loss", [1], [1]);
    for (const axis of ["epoch", "wallTime", "relativeTime", "tokens"] as const) {
      expect(seriesOnAxis(bare, axis)).toBeUndefined();
    }
  });
});
