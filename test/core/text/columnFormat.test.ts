import { expect, it } from "vitest";
import { columnFormat, formatOf, shortestFormat } from "../../../src/core/text/columnFormat";

it.each([
  [
    [1.5, 12.345678, 0.2],
    ["1.500", "12.346", "0.200"],
  ],
  [
    [0.98, 0.5],
    ["0.98000", "0.50000"],
  ],
  [
    [2e-4, 0, 1.5e-5],
    ["2.000e-4", "0", "1.500e-5"],
  ],
  [
    [1_234_567, 12],
    ["1,234,567", "12"],
  ],
  [
    [3, 1e-9],
    ["3.0000", "1e-9"],
  ],
  [
    [3, Number.NaN, Number.NEGATIVE_INFINITY],
    ["3.0000", "NaN", "-∞"],
  ],
  [
    [-20.5, 3],
    ["-20.500", "3.000"],
  ],
  [
    [0, 0],
    ["0", "0"],
  ],
  [[Number.NaN], ["NaN"]],
])("writes the numbers of a column with their points in line: %j", (values, texts) => {
  expect(values.map(formatOf(values))).toEqual(texts);
});

it("takes the range of a column that is not all at hand", () => {
  expect(columnFormat(0.5, 100, 4)(2.25)).toBe("2.3");
  expect(columnFormat(Number.NaN, Number.NaN)(2.25)).toBe("2.25");
});

it.each([
  [
    [0.5, 1, 1.5],
    ["0.5", "1.0", "1.5"],
  ],
  [
    [1, 2],
    ["1", "2"],
  ],
  [
    [0.123456, 1],
    ["0.123", "1.000"],
  ],
  [
    [0.25, Number.NaN],
    ["0.25", "NaN"],
  ],
])("writes positions with as few decimals as they need: %j", (values, texts) => {
  expect(values.map(shortestFormat(values))).toEqual(texts);
});
