import { describe, expect, it } from "vitest";
import { mapParallel } from "../../../src/core/bytes/mapParallel";

const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve));

describe("mapParallel", () => {
  it("gives the results in the order of the items, whatever ends first", async () => {
    const results = await mapParallel([3, 1, 2, 0], 4, async (turns, index) => {
      for (let turn = 0; turn < turns; turn++) await nextTurn();
      return `${index}:${turns}`;
    });
    expect(results).toEqual(["0:3", "1:1", "2:2", "3:0"]);
  });

  it("runs as many at a time as it may, and no more", async () => {
    let running = 0;
    let most = 0;
    await mapParallel(Array.from({ length: 50 }), 7, async () => {
      most = Math.max(most, ++running);
      await nextTurn();
      running--;
    });
    expect(most).toBe(7);
  });

  it("has nothing to do for no items", async () => {
    expect(await mapParallel([], 4, () => Promise.reject(new Error("called")))).toEqual([]);
  });

  it("begins nothing more after a failure", async () => {
    const begun: number[] = [];
    const work = mapParallel([0, 1, 2, 3, 4, 5, 6, 7], 2, async (item) => {
      begun.push(item);
      await nextTurn();
      if (item === 1) throw new Error("no");
    });
    await expect(work).rejects.toThrow("no");
    for (let turn = 0; turn < 20; turn++) await nextTurn();
    expect(begun).toEqual([0, 1, 2]);
  });
});
