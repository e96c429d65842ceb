import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sampleEnvelope } from "../../../../src/core/runs/series/sampling";

const ramp = (length: number) => Float64Array.from({ length }, (_, index) => index);

describe("sampleEnvelope", () => {
  it("keeps a spike of one point among a million", () => {
    const x = ramp(1_000_000);
    const y = new Float64Array(x.length).fill(1);
    y[654_321] = 1e6;
    y[123_456] = -50;
    const { max, min, points, exact } = sampleEnvelope(
      x,
      y,
      Number.NEGATIVE_INFINITY,
      Number.POSITIVE_INFINITY,
      500,
    );
    expect(max).toHaveLength(500);
    expect([Math.max(...max), Math.min(...min), points, exact]).toEqual([1e6, -50, 1_000_000, false]);
    expect([...max].filter((value) => value !== 1)).toHaveLength(1);
  });

  it("shows every point where there is room, and the neighbours of the range", () => {
    const x = ramp(10);
    const envelope = sampleEnvelope(x, x, 3, 5, 100);
    expect([...envelope.x]).toEqual([2, 3, 4, 5, 6]);
    expect([...envelope.min]).toEqual([2, 3, 4, 5, 6]);
    expect([...envelope.count]).toEqual([1, 1, 1, 1, 1]);
    expect([envelope.exact, envelope.points]).toEqual([true, 3]);
  });

  it("says where values are not finite", () => {
    const y = Float64Array.of(1, Number.NaN, Number.POSITIVE_INFINITY, 4);
    const envelope = sampleEnvelope(ramp(4), y, 0, 3, 2);
    expect([...envelope.min]).toEqual([1, 4]);
    expect([...envelope.max]).toEqual([1, 4]);
    expect([...envelope.last]).toEqual([Number.NaN, 4]);
    expect([...envelope.first]).toEqual([1, Number.NaN]);
    expect([...envelope.notFinite]).toEqual([1, 1]);
    const none = sampleEnvelope(ramp(3), new Float64Array(3).fill(Number.NaN), 0, 2, 1);
    expect([none.min[0], none.max[0], none.notFinite[0]]).toEqual([Number.NaN, Number.NaN, 3]);
  });

  it("takes nothing, one point, and points at one place", () => {
    expect(sampleEnvelope(new Float64Array(), new Float64Array(), 0, 1, 10).x).toHaveLength(0);
    expect([...sampleEnvelope(Float64Array.of(5), Float64Array.of(7), 0, 1, 10).x]).toEqual([5]);
    const same = sampleEnvelope(new Float64Array(9).fill(3), ramp(9), 0, 10, 4);
    expect([same.x.length, same.min[0], same.max[0], same.count[0]]).toEqual([1, 0, 8, 9]);
  });

  it("loses no extreme and no point, whatever the line and the range", () => {
    const values = fc.array(fc.oneof(fc.double(), fc.nat(10)), { maxLength: 60 });
    fc.assert(
      fc.property(
        values,
        fc.integer({ min: -5, max: 60 }),
        fc.nat(60),
        fc.integer({ min: 1, max: 12 }),
        (list, from, width, slices) => {
          const x = ramp(list.length);
          const y = Float64Array.from(list);
          const to = from + width;
          const envelope = sampleEnvelope(x, y, from, to, slices);
          const inside = list.filter((_, index) => index >= from && index <= to);
          const before = x.filter((one) => one < from).length > 0 ? 1 : 0;
          const after = x.filter((one) => one > to).length > 0 ? 1 : 0;
          const own = <T extends Float64Array | Uint32Array>(column: T) =>
            [...column].slice(before, column.length - after);
          expect(envelope.points).toBe(inside.length);
          expect(own(envelope.count).reduce((sum, count) => sum + count, 0)).toBe(inside.length);
          expect(own(envelope.x).length).toBeLessThanOrEqual(Math.max(slices, 0));
          const finite = inside.filter(Number.isFinite);
          const shown = (column: Float64Array) => own(column).filter(Number.isFinite);
          if (finite.length > 0) {
            expect(Math.min(...shown(envelope.min))).toBe(Math.min(...finite));
            expect(Math.max(...shown(envelope.max))).toBe(Math.max(...finite));
          }
          expect(own(envelope.notFinite).reduce((sum, count) => sum + count, 0)).toBe(
            inside.length - finite.length,
          );
          expect([...envelope.x]).toEqual([...envelope.x].sort((a, b) => a - b));
        },
      ),
    );
  });

  it("owns its buffers, so that a message carries no more than the picture", () => {
    const envelope = sampleEnvelope(ramp(1000), ramp(1000), 0, 999, 10);
    for (const column of [
      envelope.x,
      envelope.min,
      envelope.max,
      envelope.first,
      envelope.last,
      envelope.count,
    ]) {
      expect(column.buffer.byteLength).toBe(column.byteLength);
    }
  });
});
