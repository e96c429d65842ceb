import { describe, expect, it } from "vitest";
import { parseLoraKey } from "../../../src/core/adapter/dialects/dialectTable";
import { modulePath } from "../../../src/core/adapter/loraKey";

const keys: readonly (readonly [
  name: string,
  grammar: string,
  role: string,
  module: string,
  adapter?: string,
])[] = [
  ["base_model.model.model.layers.0.q.lora_A.weight", "peft", "a", "model.layers.0.q"],
  ["base_model.model.q.lora_B.default.weight", "peft", "b", "q", "default"],
  ["q.lora_A", "peft", "a", "q"],
  ["q.lora_A.speech", "peft", "a", "q", "speech"],
  ["lora_A.weight", "peft", "a", ""],
  ["base_model.model.embed.lora_embedding_A", "peft", "embeddingA", "embed"],
  ["base_model.model.embed.lora_embedding_B.default", "peft", "embeddingB", "embed", "default"],
  ["base_model.model.q.lora_magnitude_vector", "peft", "magnitude", "q"],
  ["base_model.model.q.lora_magnitude_vector.weight", "peft", "magnitude", "q"],
  ["base_model.model.q.lora_magnitude_vector.default.weight", "peft", "magnitude", "q", "default"],
  ["base_model.model.q.lora_B.bias", "peft", "bias", "q"],
  ["base_model.model.q.lora_E", "peft", "diagonal", "q"],
  ["base_model.model.q.lora_diag.default", "peft", "diagonal", "q", "default"],
  ["base_model.model.base_model.model.q.lora_A.weight", "peft", "a", "q"],
  ["base_model.model.layers.0._fsdp_wrapped_module.q.lora_A.weight", "peft", "a", "layers.0.q"],
  ["lora_unet_mid_to_k.lora_down.weight", "kohya", "a", "lora_unet_mid_to_k"],
  ["lora_unet_mid_to_k.lora_up.weight", "kohya", "b", "lora_unet_mid_to_k"],
  ["lora_unet_mid_to_k.lora_mid.weight", "kohya", "mid", "lora_unet_mid_to_k"],
  ["lora_unet_mid_to_k_lora_down.weight", "kohya", "a", "lora_unet_mid_to_k"],
  ["lora_unet_mid_to_k.alpha", "kohya", "alpha", "lora_unet_mid_to_k"],
  ["lora_unet_mid_to_k.dora_scale", "kohya", "magnitude", "lora_unet_mid_to_k"],
  ["unet.mid.to_k.lora.down.weight", "diffusers", "a", "unet.mid.to_k"],
  ["mid.attn1.processor.to_k_lora.up.weight", "diffusers", "b", "mid.attn1.to_k"],
  ["up_blocks.0.attn1.processor.to_out_lora.up.weight", "diffusers", "b", "unet.up_blocks.0.attn1.to_out.0"],
  ["double_blocks.0.processor.qkv_lora1.down.weight", "xlabs", "a", "double_blocks.0.processor.qkv_lora1"],
  ["layers.0.moe.experts.lora_gate_a", "grouped", "a", "layers.0.moe.experts.gate"],
  ["layers.0.mlp.experts.lora_gate_and_up_A", "grouped", "a", "layers.0.mlp.experts.gate_up"],
  ["text_encoder.q_proj.lora_linear_layer.down.weight", "diffusers", "a", "text_encoder.q_proj"],
  ["text_encoder.q_proj.lora_linear_layer.alpha", "kohya", "alpha", "text_encoder.q_proj"],
  ["model.layers.0.q_proj.lora_a", "lowerCase", "a", "model.layers.0.q_proj"],
  ["layers.0.q_proj.lora_b.weight", "lowerCase", "b", "layers.0.q_proj"],
  ["blk.0.attn_q.weight.lora_a", "lowerCase", "a", "blk.0.attn_q.weight"],
  ["model.layers.0.q_proj.m", "lowerCase", "magnitude", "model.layers.0.q_proj"],
];

describe("parseLoraKey", () => {
  for (const [name, grammar, role, module, adapterName] of keys) {
    it(name, () => {
      expect(parseLoraKey(name)).toMatchObject({ grammar, role, module, adapterName });
    });
  }

  it.each([
    "model.embed_tokens.weight",
    "model.layers.0.self_attn.q_a_proj.weight",
    "blocks.0.attn.w_lora.lora.0.weight",
    "base_model.model.q.lora_A.bias",
    "base_model.model.q.lora_dropout.weight",
    "flora_A.weight",
    "explora_down.weight",
  ])("leaves %s alone", (name) => {
    expect(parseLoraKey(name)).toBeUndefined();
  });
});

describe("modulePath", () => {
  it("takes only wrappers off", () => {
    expect(modulePath("base_model.model.model.layers.0")).toBe("model.layers.0");
    expect(modulePath("module.base_model.model.q")).toBe("q");
    expect(modulePath("module.layers.0")).toBe("module.layers.0");
    expect(modulePath("_orig_mod.base_model.model.q")).toBe("q");
    expect(modulePath("a._orig_mod_x.b")).toBe("a._orig_mod_x.b");
  });
});
