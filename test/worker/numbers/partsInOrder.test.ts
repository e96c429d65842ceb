import fc from "fast-check";
import { expect, it } from "vitest";
import { PartsInOrder } from "../../../src/worker/numbers/partsInOrder";

it("gives the whole once, with the last part, in the order of the parts however they come", () => {
  const orders = fc
    .integer({ min: 1, max: 9 })
    .chain((count) => fc.shuffledSubarray([...Array(count).keys()], { minLength: count, maxLength: count }));
  fc.assert(
    fc.property(orders, (order) => {
      const parts = new PartsInOrder<string>(order.length, (a, b) => a + b);
      const answers = order.map((at) => parts.add(at, String(at)));
      const whole = [...order].sort((a, b) => a - b).join("");
      expect(answers).toEqual([...order.slice(1).map(() => undefined), whole]);
    }),
  );
});
