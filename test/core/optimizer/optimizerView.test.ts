import { describe, expect, test } from "vitest";
import { type OptimizerState, optimizerStates } from "../../../src/core/optimizer/optimizerState";
import { optimizerPage, viewOptimizer } from "../../../src/core/optimizer/optimizerView";
import { contentOf } from "../formats/torch/torchFixtures";

function manyParameters(count: number): OptimizerState {
  const parameters = Array.from({ length: count }, (_, index) => ({
    index,
    name: `model.layers.${index}.${"long_module_name.".repeat(8)}weight`,
    group: 0,
    shape: [4, 4],
    state: new Map([["step", index]]),
    tensors: new Map(),
  }));
  return {
    path: "",
    name: "SGD",
    reason: "",
    groups: [],
    differingKeys: [],
    parameters,
    stateBytes: 0,
    emptyState: false,
  };
}

describe("optimizers of a genuine file", () => {
  test("are plain data that clones, and every tensor of the state is in a page", async () => {
    const states = optimizerStates(await contentOf("optimizers.pt"));
    expect(states.length).toBeGreaterThan(2);
    for (const state of states) {
      const view = viewOptimizer(state);
      expect(structuredClone(view)).toEqual(view);
      const page = optimizerPage(state, 0, () => undefined);
      expect(page.rows.map(({ index }) => index)).toEqual(state.parameters.map(({ index }) => index));
      const named = page.rows.flatMap(({ state: entries }) => entries.flatMap(({ tensor }) => tensor ?? []));
      const expected = state.parameters.flatMap(({ tensors }) =>
        [...tensors.values()].map(({ name }) => name),
      );
      expect(named).toEqual(expected);
    }
  });
});

test("100,000 parameters come in pages well under 1 MB, without a gap", () => {
  const state = manyParameters(100_000);
  expect(JSON.stringify(viewOptimizer(state)).length).toBeLessThan(10_000);
  let first = 0;
  while (first < 100_000) {
    const page = optimizerPage(state, first, () => undefined);
    expect(page.rows[0]?.index).toBe(first);
    expect(JSON.stringify(page).length).toBeLessThan(500_000);
    first += page.rows.length;
  }
  expect(optimizerPage(state, 100_000, () => undefined).rows).toEqual([]);
});

test("a name of a megabyte does not become a message of one", () => {
  const state = manyParameters(3);
  const long = {
    ...state,
    parameters: state.parameters.map((row) => ({ ...row, name: "x".repeat(1_000_000) })),
  };
  expect(JSON.stringify(optimizerPage(long, 0, () => undefined)).length).toBeLessThan(10_000);
});
