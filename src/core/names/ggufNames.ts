/**
 * How the converter of llama.cpp keeps a weight otherwise than transformers does (convert_hf_to_gguf.py). Of `heads-…`
 * and `qkv-…` the rows stand in another order.
 */
export type GgufChange =
  /** The two halves of each head's rows, which rotary embeddings turn together, are interleaved. */
  | { readonly kind: "heads-interleaved"; readonly heads: number }
  /** Query, key and value one behind the other, which transformers keeps head by head (`keyHeads` groups of heads). */
  | { readonly kind: "qkv-apart"; readonly heads: number; readonly keyHeads: number }
  | { readonly kind: "plus-one" }
  | { readonly kind: "transposed" };

/** What transformers calls a tensor of a GGUF file. */
export interface GgufTwin {
  readonly name: string;
  readonly change?: GgufChange;
  /** The tensor holds all experts of a layer; `name` has "*" in the place of an expert's number. */
  readonly isExperts?: true;
}

/** Names of whole modules, and of modules in a layer behind `layer`, without ".weight". */
interface Family {
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

const decoder: Family = {
  outer: { token_embd: "model.embed_tokens", output_norm: "model.norm", output: "lm_head" },
  layers: "model.layers.",
  inner: decoderLayer,
};

function like(family: Family, inner: Readonly<Record<string, string>>, outer = {}): Family {
  return { ...family, outer: { ...family.outer, ...outer }, inner: { ...family.inner, ...inner } };
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

const deepseek = like(decoder, {
  attn_q_a: "self_attn.q_a_proj",
  attn_q_b: "self_attn.q_b_proj",
  attn_kv_a_mqa: "self_attn.kv_a_proj_with_mqa",
  attn_kv_b: "self_attn.kv_b_proj",
  attn_q_a_norm: "self_attn.q_a_layernorm",
  attn_kv_a_norm: "self_attn.kv_a_layernorm",
  ffn_gate_shexp: "mlp.shared_experts.gate_proj",
  ffn_up_shexp: "mlp.shared_experts.up_proj",
  ffn_down_shexp: "mlp.shared_experts.down_proj",
});

const gpt2: Family = {
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

const bloom: Family = {
  outer: {
    token_embd: "transformer.word_embeddings",
    token_embd_norm: "transformer.word_embeddings_layernorm",
    output_norm: "transformer.ln_f",
    output: "lm_head",
  },
  layers: "transformer.h.",
  inner: fusedLayer,
};

const neox: Family = {
  outer: { token_embd: "gpt_neox.embed_in", output_norm: "gpt_neox.final_layer_norm", output: "embed_out" },
  layers: "gpt_neox.layers.",
  inner: { ...fusedLayer, attn_qkv: "attention.query_key_value", attn_output: "attention.dense" },
};

const bert: Family = {
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

const nomicBert: Family = {
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

/** By `general.architecture`. */
const families = new Map<string, Family>([
  ...["llama", "mistral3", "granite", "granitemoe", "minicpm"].map((name) => entry(name, mixtral)),
  ...["qwen2", "qwen2moe", "qwen2vl", "qwen3", "qwen3moe", "qwen3vl", "qwen3vlmoe"].map((name) =>
    entry(name, decoder),
  ),
  ...["gemma", "stablelm", "olmo", "olmoe", "baichuan", "xverse", "smollm3", "nemotron", "orion"].map(
    (name) => entry(name, decoder),
  ),
  ...["command-r", "cohere2", "seed_oss", "ernie4_5"].map((name) => entry(name, decoder)),
  ...["gemma2", "gemma3", "olmo2"].map((name) => entry(name, fourNorms)),
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
  entry("falcon", bloom),
  entry("bloom", bloom),
  entry("gptneox", neox),
  entry("bert", bert),
  entry("nomic-bert", nomicBert),
]);

function entry(name: string, family: Family): [string, Family] {
  return [name, family];
}

/** Their query and key rows are kept for interleaved rotary embeddings. */
const interleaved: ReadonlySet<string> = new Set([
  ...["llama", "mistral3", "granite", "granitemoe", "minicpm", "olmo", "baichuan", "xverse", "smollm3"],
]);

/** Their norms multiply by one more than transformers stores. */
const plusOne: ReadonlySet<string> = new Set(["gemma", "gemma2", "gemma3", "nemotron"]);

/** A whole number above 0 that the file says of its architecture; undefined where it says none, or one for each block. */
export function ggufNumber(metadata: ReadonlyMap<string, string>, key: string): number | undefined {
  const value = Number(metadata.get(`${metadata.get("general.architecture")}.${key}`));
  return Number.isSafeInteger(value) && value > 0 ? value : undefined;
}

/**
 * What transformers calls the tensors of a GGUF file, by its metadata: by the rule for its architecture, where one is
 * known. Names stay themselves behind a module's: ".weight", ".bias", ".weight.lora_a".
 */
export class GgufNames {
  private constructor(
    readonly architecture: string,
    private readonly family: Family,
    private readonly heads: number | undefined,
    private readonly keyHeads: number | undefined,
  ) {}

  /** Undefined where the file names no architecture whose names are known. */
  static of(metadata: ReadonlyMap<string, string>): GgufNames | undefined {
    const architecture = metadata.get("general.architecture");
    const family = architecture === undefined ? undefined : families.get(architecture);
    if (architecture === undefined || family === undefined) return undefined;
    const heads = ggufNumber(metadata, "attention.head_count");
    return new GgufNames(
      architecture,
      family,
      heads,
      ggufNumber(metadata, "attention.head_count_kv") ?? heads,
    );
  }

  /** Undefined where transformers has no such tensor, or nobody knows in which order its rows stand. */
  twin(name: string): GgufTwin | undefined {
    const found = /^(?:blk\.(\d+)\.)?([a-z0-9_]+)(?:\.(\d+))?((?:\.(?:weight|bias))?(?:\.lora_[ab])?)$/.exec(
      name,
    );
    if (found === null) return undefined;
    const [, layer, part = "", expert, ending = ""] = found;
    const { family } = this;
    const key = expert === undefined ? part : `${part}_exps`;
    const module = layer === undefined ? own(family.outer, part) : own(family.inner, key);
    if (module === undefined || (expert !== undefined && !module.includes("*"))) return undefined;
    const path = layer === undefined ? module : `${family.layers}${layer}.${module}`;
    if (module.includes("*"))
      return expert === undefined
        ? { name: path + ending, isExperts: true }
        : { name: path.replace("*", expert) + ending };
    const change = this.changeOf(layer, part, ending);
    if (change === null) return undefined;
    return { name: path + ending, ...(change === undefined ? {} : { change }) };
  }

  /** Null where there is one that cannot be told, or not undone. */
  private changeOf(layer: string | undefined, part: string, ending: string): GgufChange | undefined | null {
    const { architecture, heads, keyHeads } = this;
    const isFactor = ending.includes("lora");
    if (part.endsWith("norm"))
      return plusOne.has(architecture) && ending === ".weight" ? { kind: "plus-one" } : undefined;
    if (layer === undefined) return undefined;
    if (architecture === "gpt2" && !ending.includes("bias")) return isFactor ? null : { kind: "transposed" };
    // The columns of A are those of the weight, which stay where they are.
    if (ending.endsWith("lora_a")) return undefined;
    if (interleaved.has(architecture) && (part === "attn_q" || part === "attn_k")) {
      const own = part === "attn_q" ? heads : keyHeads;
      return own === undefined ? null : { kind: "heads-interleaved", heads: own };
    }
    if (part !== "attn_qkv" || !["falcon", "bloom", "gptneox"].includes(architecture)) return undefined;
    if (heads === undefined || keyHeads === undefined) return null;
    return { kind: "qkv-apart", heads, keyHeads: architecture === "falcon" ? keyHeads : heads };
  }
}

/** Keys of a file are no keys of ours: "constructor" is none. */
function own(record: Readonly<Record<string, string>>, key: string): string | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}

/** What is done to undo a change, as a part of a sentence. */
export function changeText({ kind }: GgufChange): string {
  switch (kind) {
    case "heads-interleaved":
      return "rows of each head put back in order";
    case "qkv-apart":
      return "query, key and value put back head by head";
    case "plus-one":
      return "one subtracted, which the converter adds to norms";
    case "transposed":
      return "transposed";
  }
}
