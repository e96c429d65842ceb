import { describe, expect, it } from "vitest";
import { transpose } from "../../../src/core/linalg/matrix";
import { probeDeviation, probeOf } from "../../../src/core/transform/updateProbe";
import { randomMatrix, scaled } from "../linalg/matrices";
import { regauged } from "../update/randomFactors";

const [a, b] = [randomMatrix(3, 40, 1), randomMatrix(40, 3, 2)];

describe("the probe of an update", () => {
  it("is that of the product, whatever its factors and scale", () => {
    const other = regauged({ a, b, scale: 2, alpha: undefined, finite: true }, 5);
    const moved = probeDeviation(probeOf(a, b, 2), probeOf(other.a, other.b, other.scale), 2, 40);
    expect(moved).toBeLessThan(1e-9);
    expect(probeDeviation(probeOf(a, b, 2), probeOf(scaled(a, 2), b, 1), 2, 40)).toBeLessThan(1e-12);
  });

  it("tells updates of one norm apart: turned, negated, of another size", () => {
    const probe = probeOf(a, b, 1);
    expect(probeDeviation(probe, probeOf(transpose(b), transpose(a), 1), 1, 40)).toBeGreaterThan(0.1);
    expect(probeDeviation(probe, probeOf(a, b, -1), 1, 40)).toBeGreaterThan(0.1);
    expect(probeDeviation(probe, probeOf(a, randomMatrix(39, 3, 2), 1), 1, 40)).toBe(
      Number.POSITIVE_INFINITY,
    );
  });
});
