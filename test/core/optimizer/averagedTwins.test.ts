import { describe, expect, it } from "vitest";
import { averagedTwins } from "../../../src/core/optimizer/averagedTwins";

function named(shapes: Readonly<Record<string, readonly number[]>>) {
  return Object.entries(shapes).map(([name, shape]) => ({ name, tensor: { shape } }));
}

function found(shapes: Readonly<Record<string, readonly number[]>>) {
  const twins = averagedTwins(named(shapes));
  return twins && { prefix: twins.prefix, names: [...twins.average].map(({ name }) => name) };
}

describe("the average of a model in one dictionary with it", () => {
  it.each<[string, string, string]>([
    ["online_model.", "ema_model.", "ema_model"],
    ["model.", "ema.", "ema"],
    ["", "model_ema.", "model_ema"],
    ["model.module.", "module.ema_net.", "module.ema_net"],
  ])("stands under %j and %j", (own, average, prefix) => {
    const shapes = { [`${own}a.weight`]: [2, 3], [`${average}a.weight`]: [2, 3], initted: [] };
    expect(found(shapes)).toEqual({ prefix, names: [`${average}a.weight`] });
  });

  it("is none where a tensor has no twin, or nothing else is here", () => {
    expect(found({ "model.a": [2], "ema.a": [3] })).toBeUndefined();
    expect(found({ "model.a": [2], "ema.a": [2], "ema.b": [2] })).toBeUndefined();
    expect(found({ "ema.a": [2], "ema.b": [2] })).toBeUndefined();
  });

  it("may number the parameters in their order", () => {
    const own = { "model.a": [2, 3], "model.mean": [7], "model.b": [3] };
    const average = { "ema.ema_weight_0": [2, 3], "ema.ema_weight_1": [3] };
    expect(found({ ...average, ...own })).toEqual({ prefix: "ema", names: Object.keys(average) });
    expect(found({ ...own, "ema.ema_weight_0": [3], "ema.ema_weight_1": [2, 3] })).toBeUndefined();
  });

  it("may count its own steps", () => {
    expect(found({ "m.a": [2], "ema_model.a": [2], "ema_model.step": [] })?.names).toEqual([
      "ema_model.a",
      "ema_model.step",
    ]);
  });
});
