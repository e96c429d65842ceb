import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { StepCurve } from "../../../../src/core/runs/series/stepCurve";

const curve = StepCurve.of(Float64Array.of(10, 20, 30), Float64Array.of(1, Number.NaN, 3));

describe("StepCurve", () => {
  it("is exact where known, on a line between, and unknown outside", () => {
    expect([5, 10, 15, 20, 30, 31].map((step) => curve.at(step))).toEqual([
      Number.NaN,
      1,
      1.5,
      2,
      3,
      Number.NaN,
    ]);
    expect(StepCurve.empty.at(1)).toBeNaN();
  });

  it("goes on with what another one knows beyond its end", () => {
    const longer = curve.extendedBy(StepCurve.of(Float64Array.of(20, 30, 40), Float64Array.of(9, 9, 4)));
    expect([20, 30, 35, 40].map((step) => longer.at(step))).toEqual([2, 3, 3.5, 4]);
    expect(StepCurve.empty.extendedBy(curve).at(10)).toBe(1);
    expect(curve.extendedBy(StepCurve.empty)).toBe(curve);
  });

  it("is the same along a list of steps as one by one, and leaves what is known already", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 40 }), { maxLength: 30 }), (unordered) => {
        const steps = Float64Array.from(unordered.sort((a, b) => a - b));
        expect([...curve.along(steps)]).toEqual([...steps].map((step) => curve.at(step)));
      }),
    );
    expect([...curve.along(Float64Array.of(10, 15), Float64Array.of(7, Number.NaN))]).toEqual([7, 1.5]);
  });
});
