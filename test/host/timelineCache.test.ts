import { describe, expect, it } from "vitest";
import { moduleGrid } from "../../src/core/compare/modules/moduleGrid";
import { type Timeline, timelineMetrics } from "../../src/core/compare/timeline";
import { TimelineCache } from "../../src/host/compare/timelineCache";

function timelineOf(moduleCount: number, checkpointCount: number): Timeline {
  const modules = Array.from({ length: moduleCount }, (_, index) => `model.layers.${index}.q_proj`);
  const checkpoints = Array.from({ length: checkpointCount }, (_, index) => ({
    path: `/run/checkpoint-${index}`,
    label: `checkpoint-${index}`,
    step: index,
    failure: undefined,
  }));
  const values = Object.fromEntries(
    timelineMetrics.map((metric, at) => [metric, new Float32Array(moduleCount * checkpointCount).fill(at)]),
  );
  return { checkpoints, modules, grid: moduleGrid(modules), values };
}

function bytesOf({ values }: Timeline): number {
  return Object.values(values).reduce((sum, array) => sum + array.byteLength, 0);
}

const { signal } = new AbortController();

describe("TimelineCache", () => {
  it("sends everything of a small timeline, and computes it once", async () => {
    let computed = 0;
    const cache = new TimelineCache(async () => {
      computed++;
      return timelineOf(28, 5);
    });
    const timeline = await cache.get(["/a", "/b"], undefined, signal);
    expect(Object.keys(timeline.values)).toEqual(timelineMetrics);
    await cache.get(["/a", "/b"], ["cosine"], signal);
    expect(computed).toBe(1);
    await cache.get(["/b", "/a"], undefined, signal);
    expect(computed).toBe(2);
    cache.forget();
    await cache.get(["/b", "/a"], undefined, signal);
    expect(computed).toBe(3);
  });

  it("keeps a message below 1 MB, and sends the rest when it is asked for by name", async () => {
    const cache = new TimelineCache(async () => timelineOf(500, 100));
    const first = await cache.get(["/a", "/b"], undefined, signal);
    expect(Object.keys(first.values)).toEqual(timelineMetrics.slice(0, 4));
    expect(bytesOf(first)).toBeLessThan(1e6);
    const more = await cache.get(["/a", "/b"], ["cosine"], signal);
    expect(more.values.cosine?.[0]).toBe(timelineMetrics.indexOf("cosine"));
  });

  it("computes again after a failure", async () => {
    let isBroken = true;
    const cache = new TimelineCache(async () => {
      if (isBroken) throw new Error("The disk is gone.");
      return timelineOf(1, 2);
    });
    await expect(cache.get(["/a", "/b"], undefined, signal)).rejects.toThrow("The disk is gone.");
    isBroken = false;
    expect((await cache.get(["/a", "/b"], undefined, signal)).modules).toHaveLength(1);
  });
});
