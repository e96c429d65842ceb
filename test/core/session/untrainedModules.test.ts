import { expect, it } from "vitest";
import type { LoraModule } from "../../../src/core/adapter/loraModule";
import { untrainedModules, zeroMagnitudes } from "../../../src/core/session/untrainedModules";
import { tensor } from "../tensors/tensors";

function modules(count: number): readonly LoraModule[] {
  return Array.from(
    { length: count },
    (_, at) => ({ module: `m${at}`, a: tensor(`a${at}`), b: tensor(`b${at}`) }) as LoraModule,
  );
}

const told = (looked: number, zero: number, count: number) => {
  const found = untrainedModules(
    modules(looked),
    ({ name }) => /^b/.test(name) && Number(name.slice(1)) < zero,
    count,
  );
  return found[0]?.message;
};

it("an adapter is called untrained where all of it was looked into", () => {
  expect(told(4, 0, 4)).toBeUndefined();
  expect(told(4, 4, 4)).toMatch(/^The adapter is untrained: in all 4 modules one factor is all zeros/);
  expect(told(4, 3, 4)).toMatch(/^In 3 of 4 modules one factor is all zeros, first in m0/);
  expect(told(16, 16, 24)).toMatch(
    /^The adapter seems untrained: in 16 of 16 modules that were looked into, of 24/,
  );
  expect(told(16, 3, 24)).toMatch(/^The adapter seems partly untrained: in 3 of 16 modules/);
});

// PEFT 0.21 merges such a module to a weight of norm 0.
it("magnitudes of DoRA that are all zeros", () => {
  const own = modules(3).map((each, at) => (at === 2 ? each : { ...each, magnitude: tensor(`m${at}`) }));
  expect(zeroMagnitudes(own, ({ name }) => name === "m1")).toMatchObject([
    { severity: "error", code: "MagnitudesZero", tensor: "m1" },
  ]);
  expect(zeroMagnitudes(own, ({ name }) => name === "b1")).toEqual([]);
});
