import { expect, it } from "vitest";
import { optimizerStates } from "../../../src/core/optimizer/optimizerState";
import { momentNumbers, updateSizes } from "../../../src/core/optimizer/updateSize";
import { contentOf, fixture, readerOf } from "../formats/torch/torchFixtures";

it("says how far torch's AdamW moved each value in its last step", () => {
  // torch 1.13: AdamW(lr=1e-3, betas=(0.9, 0.98), eps=1e-6, weight_decay=0) on four doubles, three steps with the
  // gradients (0.1, -0.2, 0, 3), (0.4, 0.3, 0, -3), (-0.2, 0.1, 0, 1e-7); what it kept, and |Δp| of the third.
  const first = Float64Array.of(0.0241, 0.0208, 0, -0.026_999_99);
  const second = Float64Array.of(0.004_128_08, 0.002_732_32, 0, 0.349_272);
  const settings = { learningRate: 1e-3, beta1: 0.9, beta2: 0.98, epsilon: 1e-6, step: 3 };
  const moved = [0.000_335_652_792_610_163_8, 0.000_356_077_435_617_496_7, 0, 4.088_184_182_466_205e-5];
  updateSizes(first, second, settings).forEach((size, at) => {
    expect(size).toBeCloseTo(moved[at] as number, 14);
  });
});

it("measures the moments of a file's parameters, and says why where there is no step size", async () => {
  const name = "optimizers.pt";
  const optimizers = optimizerStates(await contentOf(name));
  const reader = readerOf(fixture(name));
  let measured = 0;
  let withStep = 0;
  for (const optimizer of optimizers) {
    for (const { index, tensors } of optimizer.parameters) {
      const numbers = await momentNumbers(optimizer, index, (...range) => reader.readRange(...range));
      if (!tensors.has("exp_avg") || !tensors.has("exp_avg_sq")) {
        expect(numbers).toBeUndefined();
        continue;
      }
      if (numbers === undefined) continue;
      measured++;
      expect(numbers.second.min).toBeGreaterThanOrEqual(0);
      expect(numbers.update === undefined).toBe(numbers.missing !== undefined);
      if (numbers.update !== undefined) withStep++;
      // Adam's steps are hardly longer than the learning rate (Kingma and Ba 2015, section 2.1).
      if (numbers.update !== undefined && numbers.settings !== undefined)
        expect(numbers.update.absMax).toBeLessThan(numbers.settings.learningRate * 10);
    }
  }
  expect(measured).toBeGreaterThan(0);
  expect(withStep).toBeGreaterThan(0);
  await reader.close();
});
