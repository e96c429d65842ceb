import { expect, it } from "vitest";
import { fuzz } from "../../../fuzz/fuzz";
import { fuzzSamples } from "../../../fuzz/samples";

it("opens or refuses whatever it is given, and tells each pickle that would run code", async () => {
  const { classes, failures } = await fuzz(400, 3, fuzzSamples(), { isTimed: false });
  expect(failures.map(({ what }) => what)).toEqual([]);
  expect([...classes.values()].every((outcomes) => outcomes.size > 0)).toBe(true);
  expect(classes.size).toBeGreaterThan(9);
});
