import { expect, it } from "vitest";
import { seriesInside } from "../../../src/core/checkpoint/inside/seriesInside";
import { FloatValue, ListValue, MapValue } from "../../../src/core/formats/contentValue";

const row = (values: Readonly<Record<string, number>>) => {
  const map = new MapValue();
  for (const [key, value] of Object.entries(values)) map.set(key, new FloatValue(value));
  return map;
};
const pathsOf = (...rows: readonly MapValue[]) =>
  seriesInside({ root: new ListValue([...rows]), tensors: new Map() }).map(({ path }) => path);

it("takes a list of rows for a history where they count or measure, and else for data", () => {
  expect(pathsOf(row({ epoch: 1, w: 0.5 }), row({ epoch: 2, w: 0.25 }))).toEqual(["w"]);
  expect(pathsOf(row({ val_loss: 1 }), row({ val_loss: 0.5 }))).toEqual(["val_loss"]);
  // Sizes of factories, and boxes that a detector found.
  expect(pathsOf(row({ AB20: 300, D10: 90 }), row({ AB20: 280, D10: 90 }))).toEqual([]);
  expect(pathsOf(row({ image_id: 7, category_id: 1 }))).toEqual([]);
});
