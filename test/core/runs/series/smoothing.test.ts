import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { centredMean, smooth } from "../../../../src/core/runs/series/smoothing";

/** TensorBoard's own loop (line-chart data series), written down again. */
function tensorBoard(values: readonly number[], weight: number): number[] {
  let last = 0;
  let accumulated = 0;
  return values.map((value) => {
    if (!Number.isFinite(value)) return value;
    last = last * weight + (1 - weight) * value;
    accumulated++;
    const debias = weight === 1 ? 1 : 1 - weight ** accumulated;
    return last / debias;
  });
}

describe("smooth", () => {
  it("starts at the first value instead of at zero", () => {
    expect([...smooth(Float64Array.of(10, 10, 10), 0.9)]).toEqual([
      expect.closeTo(10, 12),
      expect.closeTo(10, 12),
      expect.closeTo(10, 12),
    ]);
  });

  it("changes nothing with weight 0 and gives the running mean with weight 1", () => {
    const values = Float64Array.of(4, 2, Number.NaN, 6);
    expect([...smooth(values, 0)]).toEqual([4, 2, Number.NaN, 6]);
    expect([...smooth(values, 1)]).toEqual([4, 3, Number.NaN, 4]);
  });

  it("keeps gaps and lets the average pass over them", () => {
    const gap = smooth(Float64Array.of(1, Number.NaN, Number.POSITIVE_INFINITY, 3), 0.5);
    const without = smooth(Float64Array.of(1, 3), 0.5);
    expect([...gap]).toEqual([without[0], Number.NaN, Number.POSITIVE_INFINITY, without[1]]);
  });

  it("agrees with TensorBoard", () => {
    const value = fc.oneof(fc.double({ min: -1e6, max: 1e6, noNaN: true }), fc.constant(Number.NaN));
    fc.assert(
      fc.property(fc.array(value), fc.double({ min: 0, max: 0.999, noNaN: true }), (values, weight) => {
        const expected = tensorBoard(values, weight);
        smooth(Float64Array.from(values), weight).forEach((got, index) => {
          const want = expected[index] ?? Number.NaN;
          if (Number.isNaN(want)) expect(got).toBeNaN();
          else expect(Math.abs(got - want)).toBeLessThanOrEqual(1e-6 * Math.max(1, Math.abs(want)));
        });
      }),
    );
  });

  it("stays between the lowest and the highest value", () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: -100, max: 100, noNaN: true }), { minLength: 1 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (values, weight) => {
          const low = Math.min(...values) - 1e-6;
          const high = Math.max(...values) + 1e-6;
          for (const got of smooth(Float64Array.from(values), weight)) {
            expect(got).toBeGreaterThanOrEqual(low);
            expect(got).toBeLessThanOrEqual(high);
          }
        },
      ),
    );
  });

  it.each([-0.1, 1.1, Number.NaN])("refuses weight %d", (weight) => {
    expect(() => smooth(new Float64Array(1), weight)).toThrow(RangeError);
  });

  it("takes an empty series", () => {
    expect(smooth(new Float64Array(0), 0.5)).toHaveLength(0);
  });
});

describe("centredMean", () => {
  const naive = (values: readonly number[], radius: number) =>
    values.map((value, index) => {
      if (!Number.isFinite(value)) return value;
      const near = Math.min(radius, index, values.length - 1 - index);
      const window = values.slice(index - near, index + near + 1).filter(Number.isFinite);
      return window.reduce((sum, one) => sum + one, 0) / window.length;
    });

  it("is the mean of both sides, of fewer points at the ends", () => {
    expect([...centredMean(Float64Array.of(1, 2, 6, 4, 5), 1)]).toEqual([1, 3, 4, 5, 5]);
    expect([...centredMean(Float64Array.of(1, 2), 0)]).toEqual([1, 2]);
  });

  it("agrees with the definition, gaps included", () => {
    const value = fc.oneof(fc.integer({ min: -1000, max: 1000 }), fc.constant(Number.NaN));
    fc.assert(
      fc.property(fc.array(value, { maxLength: 40 }), fc.nat(12), (values, radius) => {
        const smoothed = centredMean(Float64Array.from(values), radius);
        naive(values, radius).forEach((expected, index) => {
          if (Number.isNaN(expected)) expect(smoothed[index]).toBeNaN();
          else expect(smoothed[index]).toBeCloseTo(expected, 9);
        });
      }),
    );
  });

  it("is not spoilt behind a spike", () => {
    const values = new Float64Array(200).fill(0.1);
    values[50] = 1e30;
    expect(centredMean(values, 3)[150]).toBeCloseTo(0.1, 12);
  });
});
