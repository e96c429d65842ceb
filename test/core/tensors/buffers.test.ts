import { expect, test } from "vitest";
import { isBuffer, isNamedAsBuffer } from "../../../src/core/tensors/buffers";

test.each([
  ["layer1.0.bn.running_mean", true],
  ["model.layers.0.mlp.gate_proj.weight", false],
  ["model.layers.0.mlp.gate_proj.bias", false],
  // Whatever their names end with.
  ["model_ema.diffusion_model.out.weight", true],
  ["batch_stats.bn.bias", true],
  ["conv.activation_post_process.weight", true],
  ["conv.weight_fake_quant.scale", true],
  ["sigma.weight_u", true],
])("%s is named as a buffer: %s", (name, expected) => {
  expect(isNamedAsBuffer(name)).toBe(expected);
  expect(isBuffer({ name, dtype: "F32" })).toBe(expected);
  expect(isBuffer({ name, dtype: "I64" })).toBe(true);
});
