import { expect, it } from "vitest";
import { assignStyles, ChartMemory } from "../../src/host/runs/chartMemory";
import type { ChartChoices } from "../../src/protocol/chartCalls";

/** VS Code's memento, in memory. */
function memento() {
  const kept = new Map<string, unknown>();
  return {
    keys: () => [...kept.keys()],
    get: (key: string, otherwise?: unknown) => (kept.has(key) ? kept.get(key) : otherwise) as never,
    update: async (key: string, value: unknown) => {
      kept.set(key, structuredClone(value));
    },
  };
}

const nothing: ReadonlyMap<string, number> = new Map();

it("gives each run a colour of its own, and the same one wherever it is charted again", async () => {
  const memory = new ChartMemory(memento());
  expect(await memory.stylesOf(["a", "b", "c"], nothing)).toEqual([0, 1, 2]);
  expect(await memory.stylesOf(["c", "a"], nothing)).toEqual([2, 0]);
  expect(await memory.stylesOf(["c", "new", "b"], nothing)).toEqual([2, 0, 1]);
  // Its own is taken here, but stays its own.
  expect(await memory.stylesOf(["a", "new"], nothing)).toEqual([0, 1]);
  expect(await memory.stylesOf(["new", "c"], nothing)).toEqual([0, 2]);
});

it("does not keep the colour of a run that is charted alone", async () => {
  const memory = new ChartMemory(memento());
  expect(await memory.stylesOf(["a"], nothing)).toEqual([0]);
  expect(await memory.stylesOf(["b", "a"], nothing)).toEqual([0, 1]);
});

it("leaves the colours of a page as they are when a run comes to it", async () => {
  const memory = new ChartMemory(memento());
  await memory.stylesOf(["a", "b"], nothing);
  expect(await memory.stylesOf(["b", "x", "a"], new Map([["b", 0]]))).toEqual([0, 1, 2]);
});

it("gives every run of a page another style", () => {
  const known = new Map([
    ["a", 1],
    ["b", 1],
    ["c", 1],
  ]);
  expect(assignStyles(["a", "b", "c", "d"], known)).toEqual([1, 0, 2, 3]);
  expect(assignStyles([], known)).toEqual([]);
});

it("keeps what the reader chose, but not any number of names", async () => {
  const memory = new ChartMemory(memento());
  expect(memory.get()).toBeUndefined();
  const choices: ChartChoices = {
    axis: "tokens",
    logarithmic: true,
    smoothing: "mean",
    weight: 0.6,
    radius: 20,
    smoothed: { loss: false },
    hidden: Array.from({ length: 5000 }, (_, index) => `metric ${index}`),
    folded: { speed: true },
  };
  await memory.set(choices);
  const kept = memory.get();
  expect(kept).toMatchObject({
    axis: "tokens",
    radius: 20,
    smoothed: { loss: false },
    folded: { speed: true },
  });
  expect(kept?.hidden).toHaveLength(500);
  expect(kept?.hidden.at(-1)).toBe("metric 4999");
});
