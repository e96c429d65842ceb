import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { downsample } from "../../../src/core/runs/downsample";

function ramp(count: number): Float64Array {
  return Float64Array.from({ length: count }, (_, index) => index);
}

describe("downsample", () => {
  it("returns everything when there are few points", () => {
    expect([...downsample(ramp(5), ramp(5), 0, 4, 10)]).toEqual([0, 1, 2, 3, 4]);
    expect([...downsample(ramp(0), ramp(0), 0, 4, 10)]).toEqual([]);
  });

  it("keeps a spike of one point among a million", () => {
    const x = ramp(1_000_000);
    const y = new Float64Array(1_000_000).fill(1);
    y[123_456] = 99;
    y[654_321] = -99;
    const kept = downsample(x, y, 0, 999_999, 500);
    expect(kept.length).toBeLessThanOrEqual(1004);
    expect(kept).toContain(123_456);
    expect(kept).toContain(654_321);
  });

  it("keeps gaps", () => {
    const y = ramp(1000);
    y[500] = Number.NaN;
    const kept = downsample(ramp(1000), y, 0, 999, 10);
    expect(kept).toContain(500);
    const at = kept.indexOf(500);
    expect(kept[at - 1]).toBeLessThan(500);
    expect(kept[at + 1]).toBeGreaterThan(500);
  });

  it("keeps the neighbours of a zoomed range, so that lines enter and leave the picture", () => {
    const kept = [...downsample(ramp(100), ramp(100), 10.5, 12.5, 50)];
    expect(kept).toEqual([10, 11, 12, 13]);
    expect([...downsample(ramp(100), ramp(100), 50.2, 50.8, 50)]).toEqual([50, 51]);
  });

  it("takes points at one place, and a bucket count of nothing", () => {
    const x = new Float64Array(100).fill(7);
    const y = ramp(100);
    expect([...downsample(x, y, 0, 10, 3)]).toEqual([0, 99]);
    expect(downsample(ramp(100), y, 0, 99, 0).length).toBeGreaterThan(0);
  });

  it("takes the whole when the range is infinite", () => {
    const kept = downsample(ramp(1000), ramp(1000), Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY, 10);
    expect(kept[0]).toBe(0);
    expect(kept.at(-1)).toBe(999);
  });

  it("holds its promises for any series", () => {
    const steps = fc.array(fc.double({ min: 0, max: 1000, noNaN: true }), { maxLength: 300 });
    const values = fc.array(fc.oneof(fc.double({ noNaN: true }), fc.constant(Number.NaN)), {
      minLength: 300,
      maxLength: 300,
    });
    fc.assert(
      fc.property(steps, values, fc.integer({ min: 1, max: 20 }), (xs, ys, buckets) => {
        const x = Float64Array.from(xs.sort((a, b) => a - b));
        const y = Float64Array.from(ys.slice(0, x.length));
        const [from, to] = [200, 800];
        const kept = [...downsample(x, y, from, to, buckets)];
        expect(kept).toEqual([...new Set(kept)].sort((a, b) => a - b));
        expect(kept.length).toBeLessThanOrEqual(3 * buckets + 4);
        const inside = [...x.keys()].filter((index) => (x[index] ?? 0) >= from && (x[index] ?? 0) <= to);
        const finite = inside.map((index) => y[index] ?? 0).filter(Number.isFinite);
        const shown = kept.filter((index) => inside.includes(index)).map((index) => y[index] ?? 0);
        if (finite.length > 0) {
          expect(shown).toContain(Math.max(...finite));
          expect(shown).toContain(Math.min(...finite));
        }
        if (finite.length < inside.length) expect(shown.some((value) => !Number.isFinite(value))).toBe(true);
      }),
    );
  });
});
