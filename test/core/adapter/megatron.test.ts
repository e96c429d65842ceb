import { join } from "node:path";
import { expect, it } from "vitest";
import { parseLoraKey } from "../../../src/core/adapter/dialects/dialectTable";
import { assumedScale } from "../../../src/core/transform/assumedScale";
import { openFixture } from "./adapterFile";

const layer = "decoder.layers.0.self_attention";

// NeMo's and Megatron-Bridge's ParallelLinearAdapter, LoRA and canonical LoRA; NeMo 1's adapter layers.
it.each([
  [`${layer}.linear_qkv.adapter.linear_in.weight`, "a", `${layer}.linear_qkv`],
  [`${layer}.linear_qkv.adapter.adapter_q.linear_out.weight`, "b", `${layer}.linear_qkv.adapter_q`],
  ["model.layers.0.adapter_layer.lora_kqv_adapter.linear_in.weight", "a", "model.layers.0.lora_kqv_adapter"],
])("%s is a factor", (name, role, module) => {
  expect(parseLoraKey(name)).toMatchObject({ role, module });
});

it("bottleneck adapters and a model's own layers of these names are none", () => {
  for (const path of ["model.layers.0.adapter_layer.adapter_1", "encoder.feed_forward1"])
    expect(parseLoraKey(`${path}.linear_in.weight`)).toBeUndefined();
});

it("without its configuration nothing is written by it", () => {
  const { adapter } = openFixture("megatron", join(import.meta.dirname, "../../fixtures/adapterKinds"));
  expect(assumedScale(adapter)).toContain("Nothing says by what ΔW");
});
