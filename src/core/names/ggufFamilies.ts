/** Names of whole modules, and of modules in a layer behind `layer`, without ".weight". */
export interface GgufFamily {
  readonly outer: Readonly<Record<string, string>>;
  /** In front of a layer's number. */
  readonly layers: string;
  readonly inner: Readonly<Record<string, string>>;
}

const decoderLayer = {
  attn_norm: "input_layernorm",
  attn_q: "self_attn.q_proj",
  attn_k: "self_attn.k_proj",
  attn_v: "self_attn.v_proj",
  attn_qkv: "self_attn.qkv_proj",
  attn_output: "self_attn.o_proj",
  attn_q_norm: "self_attn.q_norm",
  attn_k_norm: "self_attn.k_norm",
  ffn_norm: "post_attention_layernorm",
  ffn_gate: "mlp.gate_proj",
  ffn_up: "mlp.up_proj",
  ffn_down: "mlp.down_proj",
  ffn_gate_inp: "mlp.gate",
  ffn_gate_exps: "mlp.experts.*.gate_proj",
  ffn_up_exps: "mlp.experts.*.up_proj",
  ffn_down_exps: "mlp.experts.*.down_proj",
  ffn_gate_inp_shexp: "mlp.shared_expert_gate",
  ffn_gate_shexp: "mlp.shared_expert.gate_proj",
  ffn_up_shexp: "mlp.shared_expert.up_proj",
  ffn_down_shexp: "mlp.shared_expert.down_proj",
};

const decoder: GgufFamily = {
  outer: { token_embd: "model.embed_tokens", output_norm: "model.norm", output: "lm_head" },
  layers: "model.layers.",
  inner: decoderLayer,
};

function like(family: GgufFamily, inner: Readonly<Record<string, string>>, outer = {}): GgufFamily {
  return { ...family, outer: { ...family.outer, ...outer }, inner: { ...family.inner, ...inner } };
}

function without(inner: Readonly<Record<string, string>>, parts: RegExp): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(inner).filter(([part]) => !parts.test(part)));
}

/** Mixtral before transformers 5. */
const mixtral = like(decoder, {
  ffn_gate_inp: "block_sparse_moe.gate",
  ffn_gate_exps: "block_sparse_moe.experts.*.w1",
  ffn_down_exps: "block_sparse_moe.experts.*.w2",
  ffn_up_exps: "block_sparse_moe.experts.*.w3",
});

/** Norms on both sides of attention and of the feed-forward. */
const fourNorms = like(decoder, {
  post_attention_norm: "post_attention_layernorm",
  ffn_norm: "pre_feedforward_layernorm",
  post_ffw_norm: "post_feedforward_layernorm",
});

/** Experts that all tokens take beside those that a router chooses, whose choice a bias corrects. */
const sharedExperts = like(decoder, {
  exp_probs_b: "mlp.gate.e_score_correction_bias",
  ffn_gate_shexp: "mlp.shared_experts.gate_proj",
  ffn_up_shexp: "mlp.shared_experts.up_proj",
  ffn_down_shexp: "mlp.shared_experts.down_proj",
});

const deepseek = like(sharedExperts, {
  attn_q_a: "self_attn.q_a_proj",
  attn_q_b: "self_attn.q_b_proj",
  attn_kv_a_mqa: "self_attn.kv_a_proj_with_mqa",
  attn_kv_b: "self_attn.kv_b_proj",
  attn_q_a_norm: "self_attn.q_a_layernorm",
  attn_kv_a_norm: "self_attn.kv_a_layernorm",
});

/** What the converter takes apart (`input_linear`: gate and up of all experts in one) has no twin. */
const graniteMoe: GgufFamily = {
  ...decoder,
  inner: {
    ...without(decoderLayer, /^ffn_.*(?:exps|shexp)$/),
    ffn_gate_inp: "block_sparse_moe.router.layer",
    ffn_down_exps: "block_sparse_moe.output_linear",
    ffn_down_shexp: "shared_mlp.output_linear",
  },
};

/** Gate and up of the experts are interleaved in transformers, and stored there by other blocks. */
const gptOss: GgufFamily = {
  ...decoder,
  inner: {
    ...without(decoderLayer, /^ffn_.*exps$/),
    attn_sinks: "self_attn.sinks",
    post_attention_norm: "post_attention_layernorm",
    ffn_gate_inp: "mlp.router",
  },
};

const hunyuan = like(decoder, {
  attn_q_norm: "self_attn.query_layernorm",
  attn_k_norm: "self_attn.key_layernorm",
  ffn_gate_inp: "mlp.gate.wg",
  ffn_gate_shexp: "mlp.shared_mlp.gate_proj",
  ffn_up_shexp: "mlp.shared_mlp.up_proj",
  ffn_down_shexp: "mlp.shared_mlp.down_proj",
});

/** Its convolutions are stored with an axis fewer, so they have no twin. */
const lfm2 = like(
  decoder,
  {
    attn_norm: "operator_norm",
    attn_output: "self_attn.out_proj",
    attn_q_norm: "self_attn.q_layernorm",
    attn_k_norm: "self_attn.k_layernorm",
    ffn_norm: "ffn_norm",
    ffn_gate: "feed_forward.w1",
    ffn_up: "feed_forward.w3",
    ffn_down: "feed_forward.w2",
    shortconv_in_proj: "conv.in_proj",
    shortconv_out_proj: "conv.out_proj",
  },
  { token_embd_norm: "model.embedding_norm" },
);

const gpt2: GgufFamily = {
  outer: {
    token_embd: "transformer.wte",
    position_embd: "transformer.wpe",
    output_norm: "transformer.ln_f",
    output: "lm_head",
  },
  layers: "transformer.h.",
  inner: {
    attn_norm: "ln_1",
    attn_qkv: "attn.c_attn",
    attn_output: "attn.c_proj",
    ffn_norm: "ln_2",
    ffn_up: "mlp.c_fc",
    ffn_down: "mlp.c_proj",
  },
};

const fusedLayer = {
  attn_norm: "input_layernorm",
  attn_qkv: "self_attention.query_key_value",
  attn_output: "self_attention.dense",
  ffn_norm: "post_attention_layernorm",
  ffn_up: "mlp.dense_h_to_4h",
  ffn_down: "mlp.dense_4h_to_h",
};

const bloom: GgufFamily = {
  outer: {
    token_embd: "transformer.word_embeddings",
    token_embd_norm: "transformer.word_embeddings_layernorm",
    output_norm: "transformer.ln_f",
    output: "lm_head",
  },
  layers: "transformer.h.",
  inner: fusedLayer,
};

const neox: GgufFamily = {
  outer: { token_embd: "gpt_neox.embed_in", output_norm: "gpt_neox.final_layer_norm", output: "embed_out" },
  layers: "gpt_neox.layers.",
  inner: { ...fusedLayer, attn_qkv: "attention.query_key_value", attn_output: "attention.dense" },
};

const bert: GgufFamily = {
  outer: {
    token_embd: "embeddings.word_embeddings",
    token_types: "embeddings.token_type_embeddings",
    position_embd: "embeddings.position_embeddings",
    token_embd_norm: "embeddings.LayerNorm",
  },
  layers: "encoder.layer.",
  inner: {
    attn_q: "attention.self.query",
    attn_k: "attention.self.key",
    attn_v: "attention.self.value",
    attn_output: "attention.output.dense",
    attn_output_norm: "attention.output.LayerNorm",
    ffn_up: "intermediate.dense",
    ffn_down: "output.dense",
    layer_output_norm: "output.LayerNorm",
  },
};

const nomicBert: GgufFamily = {
  outer: { ...bert.outer, token_embd_norm: "emb_ln" },
  layers: "encoder.layers.",
  inner: {
    attn_qkv: "attn.Wqkv",
    attn_output: "attn.out_proj",
    attn_output_norm: "norm1",
    ffn_up: "mlp.fc11",
    ffn_gate: "mlp.fc12",
    ffn_down: "mlp.fc2",
    layer_output_norm: "norm2",
  },
};

const modernBert: GgufFamily = {
  outer: {
    token_embd: "embeddings.tok_embeddings",
    token_embd_norm: "embeddings.norm",
    output_norm: "final_norm",
  },
  layers: "layers.",
  inner: {
    attn_norm: "attn_norm",
    attn_qkv: "attn.Wqkv",
    attn_output: "attn.Wo",
    ffn_norm: "mlp_norm",
    ffn_up: "mlp.Wi",
    ffn_down: "mlp.Wo",
  },
};

/** By `general.architecture`, as the converter of llama.cpp names them and transformers saves them. */
export const ggufFamilies = new Map<string, GgufFamily>([
  ...["llama", "mistral3", "granite", "minicpm"].map((name) => entry(name, mixtral)),
  ...["qwen2", "qwen2moe", "qwen2vl", "qwen3", "qwen3moe", "qwen3vl", "qwen3vlmoe"].map((name) =>
    entry(name, decoder),
  ),
  ...["gemma", "stablelm", "olmo", "olmoe", "baichuan", "xverse", "smollm3", "nemotron", "orion"].map(
    (name) => entry(name, decoder),
  ),
  ...["command-r", "cohere2", "ernie4_5", "arcee"].map((name) => entry(name, decoder)),
  ...["gemma2", "gemma3", "olmo2", "exaone4"].map((name) => entry(name, fourNorms)),
  entry("seed_oss", like(decoder, { post_attention_norm: "post_attention_layernorm" })),
  entry("granitemoe", graniteMoe),
  entry("gpt-oss", gptOss),
  entry("dots1", sharedExperts),
  // The bias of its router has an axis more in transformers.
  entry("ernie4_5-moe", { ...sharedExperts, inner: without(sharedExperts.inner, /^exp_probs_b$/) }),
  entry("glm4moe", like(sharedExperts, { post_attention_norm: "post_attention_layernorm" })),
  entry("minimax-m2", like(mixtral, { exp_probs_b: "block_sparse_moe.e_score_correction_bias" })),
  entry("hunyuan-dense", hunyuan),
  entry("hunyuan-moe", hunyuan),
  entry("lfm2", lfm2),
  entry("modern-bert", modernBert),
  entry("phi3", like(decoder, { ffn_up: "mlp.gate_up_proj" })),
  entry(
    "glm4",
    like(decoder, {
      ffn_up: "mlp.gate_up_proj",
      post_attention_norm: "post_self_attn_layernorm",
      post_ffw_norm: "post_mlp_layernorm",
    }),
  ),
  entry(
    "phi2",
    like(
      decoder,
      { attn_output: "self_attn.dense", ffn_up: "mlp.fc1", ffn_down: "mlp.fc2" },
      { output_norm: "model.final_layernorm" },
    ),
  ),
  entry("starcoder2", like(decoder, { ffn_up: "mlp.c_fc", ffn_down: "mlp.c_proj" })),
  entry("deepseek", deepseek),
  entry("deepseek2", deepseek),
  entry("gpt2", gpt2),
  entry("starcoder", gpt2),
  entry("falcon", like(bloom, { attn_norm_2: "ln_attn" })),
  entry("bloom", bloom),
  entry("gptneox", neox),
  entry("bert", bert),
  entry("nomic-bert", nomicBert),
]);

function entry(name: string, family: GgufFamily): [string, GgufFamily] {
  return [name, family];
}
