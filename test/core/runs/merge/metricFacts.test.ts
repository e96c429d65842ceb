import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MetricFacts } from "../../../../src/core/runs/merge/metricFacts";

const columns = (values: readonly number[], from = 0) => ({
  steps: Float64Array.from(values, (_, index) => (from + index) * 10),
  values: Float64Array.from(values),
});

describe("MetricFacts", () => {
  it("says where a metric began, where it stands, and between what it ran", () => {
    const facts = new MetricFacts();
    facts.append("loss", columns([3, Number.NaN, 0.5, 0.5, Number.POSITIVE_INFINITY]));
    facts.append("reward", columns([-1, 0]));
    expect(facts.heads(10)).toEqual([
      {
        key: "loss",
        group: "main",
        label: "Loss",
        kind: "train",
        count: 5,
        firstStep: 0,
        lastStep: 40,
        last: Number.POSITIVE_INFINITY,
        lowest: { step: 20, value: 0.5 },
        highest: { step: 0, value: 3 },
        notFinite: 2,
        notPositive: 0,
        whole: false,
      },
      expect.objectContaining({ key: "reward", notPositive: 2, whole: true, lowest: { step: 0, value: -1 } }),
    ]);
    expect(facts.heads(1).map(({ key }) => key)).toEqual(["loss"]);
  });

  it("has no extremes where nothing is finite, and forgets what was replaced or is gone", () => {
    const facts = new MetricFacts();
    facts.append("loss", columns([Number.NaN]));
    expect(facts.heads(10)[0]).not.toHaveProperty("lowest");
    facts.replace("loss", columns([7]));
    expect(facts.heads(10)[0]).toMatchObject({ count: 1, last: 7 });
    facts.replace("loss", undefined);
    expect([facts.heads(10), facts.size]).toEqual([[], 0]);
  });

  it("is the same in parts as at once", () => {
    const value = fc.oneof(fc.double(), fc.integer({ min: -3, max: 3 }));
    fc.assert(
      fc.property(fc.array(value, { minLength: 1, maxLength: 40 }), fc.nat(40), (values, cut) => {
        const [whole, parts] = [new MetricFacts(), new MetricFacts()];
        whole.append("a", columns(values));
        parts.append("a", columns(values.slice(0, cut)));
        parts.append("a", columns(values.slice(cut), Math.min(cut, values.length)));
        expect(parts.heads(1)).toEqual(whole.heads(1));
      }),
    );
  });
});
