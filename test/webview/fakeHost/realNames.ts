const range = (count: number) => Array.from({ length: count }, (_, at) => at);
const projections = ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj"];
const mlp = ["mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"];

/** Names as the programs of the field write them. */
export const realNames = {
  "adapter of PEFT for a model of 7B": range(32).flatMap((layer) =>
    [...projections, ...mlp].flatMap((module) =>
      ["lora_A", "lora_B"].map(
        (factor) => `base_model.model.model.layers.${layer}.${module}.${factor}.weight`,
      ),
    ),
  ),
  "Llama with embeddings and norms": [
    "lm_head.weight",
    "model.embed_tokens.weight",
    "model.norm.weight",
    ...range(32).flatMap((layer) =>
      [...projections, ...mlp, "input_layernorm", "post_attention_layernorm"].map(
        (module) => `model.layers.${layer}.${module}.weight`,
      ),
    ),
  ],
  "experts of DeepSeek": [
    ...range(61).flatMap((layer) =>
      range(8).flatMap((expert) =>
        mlp.flatMap((module) =>
          ["weight", "weight_scale_inv"].map(
            (part) => `model.layers.${layer}.${module.replace("mlp.", `mlp.experts.${expert}.`)}.${part}`,
          ),
        ),
      ),
    ),
    ...range(61).flatMap((layer) =>
      ["q_a_proj", "q_b_proj", "kv_a_proj_with_mqa", "kv_a_layernorm", "kv_b_proj", "o_proj"].map(
        (module) => `model.layers.${layer}.self_attn.${module}.weight`,
      ),
    ),
    ...range(61).map((layer) => `model.layers.${layer}.mlp.shared_experts.down_proj.weight`),
  ],
  "UNet of diffusers": ["down_blocks", "up_blocks"].flatMap((side) =>
    range(4).flatMap((block) =>
      range(3).flatMap((attention) =>
        range(10).flatMap((depth) =>
          ["attn1", "attn2"].flatMap((name) =>
            ["to_q", "to_k", "to_v", "to_out.0"].map(
              (module) =>
                `unet.${side}.${block}.attentions.${attention}.transformer_blocks.${depth}.${name}.${module}.weight`,
            ),
          ),
        ),
      ),
    ),
  ),
  "LoRA of kohya": [
    ...["down_blocks", "up_blocks"].flatMap((side) =>
      range(4).flatMap((block) =>
        range(2).flatMap((attention) =>
          ["attn1_to_q", "attn1_to_k", "attn2_to_out_0", "ff_net_0_proj", "ff_net_2"].flatMap((module) =>
            ["alpha", "lora_down.weight", "lora_up.weight"].map(
              (part) =>
                `lora_unet_${side}_${block}_attentions_${attention}_transformer_blocks_0_${module}.${part}`,
            ),
          ),
        ),
      ),
    ),
    ...range(12).flatMap((layer) =>
      ["mlp_fc1", "mlp_fc2", "self_attn_q_proj", "self_attn_out_proj"].map(
        (module) => `lora_te_text_model_encoder_layers_${layer}_${module}.lora_down.weight`,
      ),
    ),
  ],
  "state of an optimizer": range(200).flatMap((parameter) =>
    ["exp_avg", "exp_avg_sq", "step"].map((key) => `optimizer.state.${parameter}.${key}`),
  ),
} satisfies Record<string, readonly string[]>;

export type NameList = keyof typeof realNames;
