import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { firstSlice, sliceSize } from "../../../../src/core/values/tensorSlice";
import { sortByNumbers } from "../../../../webview/editor/numbers/sortByNumbers";
import { parseGoTo } from "../../../../webview/editor/values/goTo";
import {
  clampOffset,
  gridAxis,
  longestElement,
  offsetOfScroll,
  offsetToReveal,
  scrollOfOffset,
} from "../../../../webview/ui/grid/gridAxis";

describe("an axis of a grid", () => {
  const lengths = fc.record({
    length: fc.integer({ min: 1, max: 5_000_000_000 }),
    seen: fc.integer({ min: 50, max: 2000 }),
  });

  it("never needs a longer element than browsers have, and reaches both of its ends", () => {
    fc.assert(
      fc.property(lengths, ({ length, seen }) => {
        const axis = gridAxis(length, seen);
        expect(axis.scrolled).toBeLessThanOrEqual(longestElement);
        const end = clampOffset(axis, Number.POSITIVE_INFINITY);
        expect(offsetOfScroll(axis, 0)).toBe(0);
        if (length > seen) expect(offsetOfScroll(axis, axis.scrolled - seen)).toBeCloseTo(end, 3);
      }),
    );
  });

  it("goes to a scroll position and back", () => {
    fc.assert(
      fc.property(lengths, fc.double({ min: 0, max: 1, noNaN: true }), ({ length, seen }, share) => {
        const axis = gridAxis(length, seen);
        const offset = clampOffset(axis, share * length);
        expect(offsetOfScroll(axis, scrollOfOffset(axis, offset))).toBeCloseTo(offset, 2);
      }),
    );
  });

  it("moves no further than it must to show a cell", () => {
    const axis = gridAxis(22 * 1000, 220);
    expect(offsetToReveal(axis, 440, 19, 22)).toBe(418);
    expect(offsetToReveal(axis, 440, 25, 22)).toBe(440);
    expect(offsetToReveal(axis, 440, 30, 22)).toBe(462);
  });
});

describe("where to go", () => {
  const go = (text: string, shape: readonly number[]) =>
    parseGoTo(text, shape, firstSlice(shape), sliceSize(shape, firstSlice(shape)));

  it.each([
    ["12, 34", { row: 12, column: 34 }],
    ["12 34", { row: 12, column: 34 }],
    ["[12,34]", { row: 12, column: 34 }],
    ["7", { row: 7, column: 0 }],
    ["-1, -1", { row: 99, column: 49 }],
  ])("%s is a cell of a matrix", (text, cell) => {
    expect(go(text, [100, 50])).toEqual({ cell });
  });

  it("an index for every axis is a place in the tensor", () => {
    expect(go("[5, 1, 2, 3]", [8, 3, 5, 7])).toEqual({
      cell: { row: 2, column: 3 },
      slice: { rowAxis: 2, columnAxis: 3, indexes: [5, 1, 2, 3] },
    });
    expect(go("5, 9, 2, 3", [8, 3, 5, 7])).toBe("Axis 1 has indexes 0 to 2.");
  });

  it.each(["", "one", "1.5", "100", "0, 50", "1, 2, 3"])("%j is explained", (text) => {
    expect(typeof go(text, [100, 50])).toBe("string");
  });
});

describe("rows sorted by numbers", () => {
  it("are in their order, with those without a number last, and equal ones as they were", () => {
    const numbers = fc.array(fc.oneof(fc.double(), fc.constantFrom(0, -0, 1, Number.NaN)), { maxLength: 60 });
    fc.assert(
      fc.property(numbers, fc.boolean(), (given, descending) => {
        const column = Float64Array.from(given);
        const rows = Uint32Array.from(given.keys()).filter((row) => row % 3 !== 1);
        const expected = [...rows].sort((a, b) => {
          const [x, y] = [column[a] as number, column[b] as number];
          if (Number.isNaN(x) || Number.isNaN(y)) return Number(Number.isNaN(x)) - Number(Number.isNaN(y));
          return x === y ? 0 : (x < y ? -1 : 1) * (descending ? -1 : 1);
        });
        expect([...sortByNumbers(rows, column, descending)]).toEqual(expected);
      }),
    );
  });
});
