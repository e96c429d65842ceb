import { describe, expect, it } from "vitest";
import {
  cellIndex,
  firstSlice,
  fittingSlice,
  fixedAxes,
  sliceSize,
  sliceText,
  transposed,
  withAxis,
  withIndex,
} from "../../../src/core/values/tensorSlice";

describe("a slice", () => {
  it("is at first of the last two axes, at the beginning of the others", () => {
    const shape = [8, 3, 5, 7];
    const slice = firstSlice(shape);
    expect([sliceText(slice), sliceSize(shape, slice), fixedAxes(shape, slice)]).toEqual([
      "[0, 0, :, :]",
      { rows: 5, columns: 7 },
      [0, 1],
    ]);
    expect(cellIndex(withIndex(slice, 1, 2), 3, 4)).toEqual([0, 2, 3, 4]);
  });

  it("of a vector stands, or lies when it is turned; of a scalar it is one cell", () => {
    expect(sliceSize([9], firstSlice([9]))).toEqual({ rows: 9, columns: 1 });
    const lying = transposed(firstSlice([9]));
    expect(sliceSize([9], lying)).toEqual({ rows: 1, columns: 9 });
    expect(fittingSlice([9], lying)).toBe(lying);
    expect([sliceText(firstSlice([])), sliceSize([], firstSlice([]))]).toEqual([
      "[]",
      { rows: 1, columns: 1 },
    ]);
  });

  it("changes places with the axis that is laid out already", () => {
    const slice = firstSlice([8, 3, 5]);
    expect(sliceText(withAxis(slice, "rowAxis", 0))).toBe("[:, 0, :]");
    expect(withAxis(slice, "rowAxis", 2)).toMatchObject({ rowAxis: 2, columnAxis: 1 });
  });

  it.each([
    ["another number of axes", [4, 4], { rowAxis: 0, columnAxis: 1, indexes: [0, 0, 0] }],
    ["an index beyond the end", [4, 4, 4], { rowAxis: 0, columnAxis: 1, indexes: [0, 0, 4] }],
    ["one axis twice", [4, 4], { rowAxis: 1, columnAxis: 1, indexes: [0, 0] }],
    ["an axis that is not there", [4, 4], { rowAxis: 0, columnAxis: 7, indexes: [0, 0] }],
    ["half an index", [4, 4, 4], { rowAxis: 0, columnAxis: 1, indexes: [0, 0, 0.5] }],
  ])("for %s becomes the first one", (_, shape, slice) => {
    expect(fittingSlice(shape, slice)).toEqual(firstSlice(shape));
  });
});
