import { expect, test } from "vitest";
import { noiseFloor } from "../../../src/core/update/noiseFloor";

/** numpy's SVD of 60 × 200 normal values of deviation 0.3 beside two directions of 30 and 15: the 20 largest. */
const spectrum = Float64Array.of(
  ...[30.4273, 15.685, 6.2956, 6.203, 6.0383, 5.9359, 5.7673, 5.6923, 5.5685, 5.4966],
  ...[5.3742, 5.3393, 5.2343, 5.1638, 5.0787, 5.06, 4.9513, 4.8699, 4.8537, 4.7697],
);

test("noise is told from what stands above it by the law of Marchenko and Pastur", () => {
  // 0.3 · (√60 + √200) = 6.566, however many values are known.
  for (const known of [10, 20]) {
    const values = spectrum.subarray(0, known);
    const floor = noiseFloor(values, 60, 200) ?? 0;
    expect(floor).toBeGreaterThan(6.566 * 0.97);
    expect(floor).toBeLessThan(6.566 * 1.03);
    expect(noiseFloor(values, 200, 60)).toBe(floor);
    expect(values.filter((value) => value > floor)).toHaveLength(2);
  }
});

test("of one value alone the floor is itself nearly; of none, and of more than there can be, there is no floor", () => {
  expect(noiseFloor(Float64Array.of(2), 4096, 4096)).toBeCloseTo(2, 1);
  expect(noiseFloor(new Float64Array(0), 4, 4)).toBeUndefined();
  expect(noiseFloor(Float64Array.of(1, 0), 4, 4)).toBeUndefined();
  expect(noiseFloor(Float64Array.of(3, 2, 1), 2, 9)).toBeUndefined();
});
