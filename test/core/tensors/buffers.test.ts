import { expect, test } from "vitest";
import { isBuffer, isNamedAsBuffer } from "../../../src/core/tensors/buffers";

test.each([
  ["layer1.0.bn.running_mean", [8], true],
  // ML-Agents writes the word out.
  ["processors.0.normalizer.running_variance", [8], true],
  ["model.layers.0.mlp.gate_proj.weight", [8, 4], false],
  ["model.layers.0.mlp.gate_proj.bias", [8], false],
  // Whatever their names end with.
  ["model_ema.diffusion_model.out.weight", [8, 4], true],
  ["batch_stats.bn.bias", [8], true],
  ["conv.activation_post_process.weight", [8], true],
  ["conv.weight_fake_quant.scale", [1], true],
  ["sigma.weight_u", [8], true],
  ["sigma.weight_v", [36], true],
  // What weight norm trains: the direction, and the length.
  ["ups.0.weight_v", [512, 256, 16], false],
  ["ups.0.weight_g", [512, 1, 1], false],
])("%s of shape %s is named as a buffer: %s", (name, shape, expected) => {
  expect(isNamedAsBuffer({ name, shape })).toBe(expected);
  expect(isBuffer({ name, shape, dtype: "F32" })).toBe(expected);
  expect(isBuffer({ name, shape, dtype: "I64" })).toBe(true);
});
