import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { planSegments, type WantedExtent } from "../../../src/worker/numbers/segments";

function wanted(index: number, offset: number, length: number, dtype = "F32"): WantedExtent {
  return { index, offset, length, encoding: { dtype }, unitBytes: dtype === "F32" ? 4 : 2, padding: 0 };
}

function ranges(list: readonly WantedExtent[], uncut = false) {
  return planSegments(list, { uncut }).map(({ offset, length, indexes }) => [offset, length, indexes]);
}

describe("segments of a file", () => {
  it("are the tensors, where none share bytes", () => {
    expect(ranges([wanted(0, 8, 8), wanted(1, 0, 8)])).toEqual([
      [0, 8, [1]],
      [8, 8, [0]],
    ]);
  });

  it("are one for tensors with the same bytes, and cut where views begin and end", () => {
    expect(ranges([wanted(0, 0, 16), wanted(1, 0, 16)])).toEqual([[0, 16, [0, 1]]]);
    expect(ranges([wanted(0, 0, 16), wanted(1, 4, 4)])).toEqual([
      [0, 4, [0]],
      [4, 4, [0, 1]],
      [8, 8, [0]],
    ]);
  });

  it("stay whole where they are hashed, of another dtype, or not aligned to each other", () => {
    const whole = [
      [0, 16, [0]],
      [4, 4, [1]],
    ];
    expect(ranges([wanted(0, 0, 16), wanted(1, 4, 4)], true)).toEqual(whole);
    expect(ranges([wanted(0, 0, 16), wanted(1, 4, 4, "BF16")])).toEqual(whole);
    expect(ranges([wanted(0, 0, 16), wanted(1, 2, 4)])).toEqual([
      [0, 16, [0]],
      [2, 4, [1]],
    ]);
  });

  it("give each tensor each of its bytes once", () => {
    const extents = fc.array(fc.tuple(fc.nat(40), fc.integer({ min: 1, max: 20 })), { maxLength: 12 });
    fc.assert(
      fc.property(extents, (list) => {
        const tensors = list.map(([offset, length], index) => wanted(index, 4 * offset, 4 * length));
        const segments = planSegments(tensors, { uncut: false });
        for (const { index, offset, length } of tensors) {
          const own = segments.filter(({ indexes }) => indexes.includes(index));
          let at = offset;
          for (const segment of own) {
            expect(segment.offset).toBe(at);
            at += segment.length;
          }
          expect(at).toBe(offset + length);
        }
      }),
    );
  });

  it("are read one by one where very many overlap", () => {
    const windows = Array.from({ length: 1000 }, (_, index) => wanted(index, 4 * index, 4000));
    expect(planSegments(windows, { uncut: false })).toHaveLength(1000);
  });
});
