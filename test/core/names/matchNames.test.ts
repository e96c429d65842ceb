import { describe, expect, it } from "vitest";
import { canonicalName } from "../../../src/core/names/canonicalName";
import { matchNames, renameText } from "../../../src/core/names/matchNames";

const shaped = (names: readonly string[], shape = "4,4") => names.map((name) => ({ name, shape }));
const q = "layers.0.self_attn.q_proj";

describe("canonicalName", () => {
  it.each([
    // transformers 4.52 moved the language model of multimodal models.
    [`language_model.model.${q}`, `model.language_model.${q}`],
    [`model.${q}`, `model.language_model.${q}`],
    ["vision_tower.vision_model.layers.0.q", "model.vision_tower.vision_model.layers.0.q"],
    // Wrappers.
    [`_orig_mod.model.${q}`, `model.${q}`],
    [`base_model.model.base_model.model.model.${q}`, `base_model.model.model.${q}`],
    [`model.layers.0._checkpoint_wrapped_module.self_attn.q_proj`, `model.${q}`],
    [`model.${q}.base_layer`, `model.${q}`],
    // sd-scripts and musubi join with underscores; diffusers, DiffSynth and ComfyUI name the network otherwise.
    [
      "lora_unet_down_blocks_0_attentions_1_transformer_blocks_0_attn1_to_q",
      "unet.down_blocks.0.attentions.1.transformer_blocks.0.attn1.to_q",
    ],
    ["lora_te_text_model_encoder_layers_0_mlp_fc1", "text_encoder.text_model.encoder.layers.0.mlp.fc1"],
    ["lora_te2_text_model_encoder_layers_0_mlp_fc1", "text_encoder_2.text_model.encoder.layers.0.mlp.fc1"],
    ["lora_unet_blocks_0_self_attn_q", "diffusion_model.blocks.0.self_attn.q"],
    ["pipe.dit.blocks.0.self_attn.q", "diffusion_model.blocks.0.self_attn.q"],
    ["unet.mid_block.attn1.processor.to_k", "unet.mid_block.attn1.to_k"],
    // The UNet by its authors' numbers: kohya's SDXL, full models, Control-LoRA.
    [
      "lora_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_q",
      "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q",
    ],
    ["model.diffusion_model.input_blocks.8.0.emb_layers.1", "unet.down_blocks.2.resnets.1.time_emb_proj"],
    ["model.diffusion_model.input_blocks.3.0.op", "unet.down_blocks.0.downsamplers.0.conv"],
    ["lora_unet_output_blocks_5_1_proj_in", "unet.up_blocks.1.attentions.2.proj_in"],
    ["model.diffusion_model.output_blocks.2.1.conv", "unet.up_blocks.0.upsamplers.0.conv"],
    ["model.diffusion_model.output_blocks.2.2.conv", "unet.up_blocks.0.upsamplers.0.conv"],
    ["lora_unet_middle_block_2_in_layers_2", "unet.mid_block.resnets.1.conv1"],
    ["lora_unet_middle_block_1_proj_out", "unet.mid_block.attentions.0.proj_out"],
    ["model.diffusion_model.time_embed.2", "unet.time_embedding.linear_2"],
    ["model.diffusion_model.label_emb.0.0", "unet.add_embedding.linear_1"],
    ["model.diffusion_model.out.2", "unet.conv_out"],
    // Meta's, torchtune's and transformers' decoders, Mixtral before transformers 5 and since.
    ["layers.3.attn.v_proj", "base_model.model.model.layers.3.self_attn.v_proj"],
    ["layers.3.attn.output_proj.weight", "model.layers.3.self_attn.o_proj.weight"],
    ["layers.3.mlp.w2.weight", "model.layers.3.mlp.down_proj.weight"],
    ["layers.3.feed_forward.w3.weight", "model.layers.3.mlp.up_proj.weight"],
    ["layers.3.sa_norm.scale", "model.layers.3.input_layernorm.weight"],
    ["layers.3.ffn_norm.weight", "model.layers.3.post_attention_layernorm.weight"],
    ["tok_embeddings.weight", "model.embed_tokens.weight"],
    ["output.weight", "lm_head.weight"],
    ["norm.scale", "model.norm.weight"],
    ["model.layers.3.block_sparse_moe.experts.5.w1.weight", "model.layers.3.mlp.experts.5.gate_proj.weight"],
    ["model.layers.3.block_sparse_moe.gate.weight", "model.layers.3.mlp.gate.weight"],
    ["unet.mid_block.attn1.processor.to_out", "unet.mid_block.attn1.to_out.0"],
    ["lora_unet_blocks_3_self_attn_o", "transformer.blocks.3.attn1.to_out.0"],
    ["diffusion_model.blocks.3.cross_attn.k_img", "transformer.blocks.3.attn2.add_k_proj"],
    ["blocks.3.ffn.0.weight", "transformer.blocks.3.ffn.net.0.proj.weight"],
  ])("is the same of %s and %s", (one, other) => {
    expect(canonicalName(one)).toBe(canonicalName(other));
  });

  it.each([
    [`vision_tower.${q}`, `model.${q}`],
    ["encoder.layers.0.q", "decoder.layers.0.q"],
    ["lora_te1_text_model_encoder_layers_0_mlp_fc1", "lora_te2_text_model_encoder_layers_0_mlp_fc1"],
    ["text_encoder.text_model.encoder.layers.0.mlp.fc1", "unet.encoder.layers.0.mlp.fc1"],
    ["transformer_2.blocks.0.attn1.to_q", "transformer.blocks.0.attn1.to_q"],
    ["model.layers.1.q", "model.layers.11.q"],
    // Their rows may stand in another order.
    ["layers.3.attn.q_proj.weight", "model.layers.3.self_attn.q_proj.weight"],
    ["layers.3.attention.wk.weight", "model.layers.3.self_attn.k_proj.weight"],
    ["unet.down_blocks.1.attentions.0.proj_in", "lora_unet_input_blocks_4_0_proj_in"],
    ["input_blocks.4.1.norm", "output_blocks.4.1.norm"],
  ])("is not the same of %s and %s", (one, other) => {
    expect(canonicalName(one)).not.toBe(canonicalName(other));
  });
});

describe("matchNames", () => {
  it("says what was taken for what, by whole parts of the paths", () => {
    const names = [0, 1].map((layer) => `model.language_model.layers.${layer}.q`);
    const known = [1, 0].map((layer) => `language_model.model.layers.${layer}.q`);
    const { matches, renames } = matchNames(shaped(names), shaped(known));
    expect(matches).toEqual([1, 0]);
    expect(renames).toEqual([
      {
        kind: "nesting",
        strip: "model.language_model.",
        add: "language_model.model.",
        inFront: true,
        count: 2,
      },
    ]);
    expect(renames.map(renameText)).toEqual([
      '"model.language_model." in front of 2 names is taken for "language_model.model.", so that they agree.',
    ]);
  });

  it("takes equal names as they are, whatever their shapes", () => {
    expect(matchNames(shaped(["a.b"]), shaped(["a.b"], "2,2"))).toEqual({ matches: [0], renames: [] });
  });

  it("takes no spelling that two names share", () => {
    const names = ["model.layers.0.q", "language_model.layers.0.q"];
    expect(matchNames(shaped(names), shaped(["layers.0.q"])).matches).toEqual([undefined, undefined]);
    expect(matchNames(shaped(["layers.0.q"]), shaped(names)).matches).toEqual([undefined]);
  });

  it("takes a spelling for a coincidence where most shapes differ, but allows for a vocabulary that grew", () => {
    const names = ["model.embed", "model.q", "model.k"];
    const known = shaped(["embed", "q", "k"]);
    expect(matchNames(shaped(names, "9,9"), known).matches).toEqual([undefined, undefined, undefined]);
    const grown = [{ name: "model.embed", shape: "9,4" }, ...shaped(names.slice(1))];
    expect(matchNames(grown, known).matches).toEqual([0, 1, 2]);
  });
});
