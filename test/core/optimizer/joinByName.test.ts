import { expect, test } from "vitest";
import { joinByName } from "../../../src/core/optimizer/joinByName";
import type { OptimizerParameter } from "../../../src/core/optimizer/optimizerState";

const parameter = (name: string | undefined, shape?: readonly number[]) =>
  ({ name, shape }) as unknown as OptimizerParameter;
const tensor = (name: string, shape: readonly number[] = [4, 4]) => ({ name, shape });
const q = "layers.0.self_attn.q_proj";

test.each([
  ["a wrapper", `module._orig_mod.model.${q}.weight`, `model.${q}.weight`],
  ["FSDP within", "model.layers.0._fsdp_wrapped_module.self_attn.q_proj.weight", `model.${q}.weight`],
  [
    "the name of the adapter",
    `base_model.model.model.${q}.lora_A.default.weight`,
    `base_model.model.model.${q}.lora_A.weight`,
  ],
  [
    "the nesting of a multimodal model",
    `model.language_model.${q}.weight`,
    `language_model.model.${q}.weight`,
  ],
])("names with and without %s are one parameter", (_, own, known) => {
  const tensors = [tensor("model.norm.weight", [4]), tensor(known)];
  expect(joinByName([parameter(own, [4, 4])], tensors)).toEqual([tensor(known)]);
});

test("a parameter without a name, or of another model, has no tensor", () => {
  const tensors = [tensor(`model.${q}.weight`)];
  expect(joinByName([parameter(undefined), parameter("head.weight", [4, 4])], tensors)).toEqual([
    undefined,
    undefined,
  ]);
});

test("of a parameter without a shape the name decides", () => {
  const tensors = [tensor(`model.${q}.weight`)];
  expect(joinByName([parameter(`model.${q}.weight`)], tensors)).toEqual(tensors);
});
