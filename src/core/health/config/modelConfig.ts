import { isJsonArray, isJsonObject, type JsonObject, jsonNumber, jsonString } from "../../json/parseJson";

/** A number of the configuration. */
export interface Setting {
  /** What says it; undefined where it follows from another. */
  readonly key: string | undefined;
  readonly value: number;
}

/** What config.json promises of the weights of a decoder. Undefined where it says nothing, or several things. */
export interface ModelConfig {
  /** The first of some keys that is a whole number above 0. */
  readonly number: (...keys: readonly string[]) => number | undefined;
  /** Layers behind the last that predict further tokens (DeepSeek's and GLM's MTP); weights may hold them or not. */
  readonly extraLayers: number;
  readonly vocabulary: number | undefined;
  readonly hidden: number | undefined;
  /** Of the token embedding, where it is projected to the hidden size (ELECTRA). */
  readonly embeddingWidth: number | undefined;
  /** Of dense layers; undefined for mixtures, whose layers have several. */
  readonly intermediate: Setting | undefined;
  /** Of one expert of a mixture. */
  readonly expertIntermediate: Setting | undefined;
  /** Numbers that all heads of the queries have together. Undefined where the number of heads is not said. */
  readonly attention: number | undefined;
  /** Numbers that all heads of the keys have together. */
  readonly keyValue: number | undefined;
  /** Of architectures in which all layers attend alike, with queries and keys that are nothing else. */
  readonly plainHeads:
    | {
        readonly heads: number | undefined;
        readonly keyHeads: number | undefined;
        readonly perHead: number | undefined;
      }
    | undefined;
  readonly experts: number | undefined;
  /** Whether linear layers are kept turned, [in, out]. */
  readonly isConv1d: boolean;
  /** Undefined where it is left to the default of the architecture. */
  readonly tied: boolean | undefined;
  readonly isGenerator: boolean;
}

/** transformers' `modeling_*.py`: q_proj has `num_attention_heads * head_dim` rows, k_proj `num_key_value_heads * head_dim`. */
const plainAttention: ReadonlySet<string> = new Set([
  "llama",
  "mistral",
  "mixtral",
  "qwen2",
  "qwen2_moe",
  "qwen3",
  "qwen3_moe",
  "gemma",
  "gemma2",
  "olmo2",
  "smollm3",
  "granite",
  "starcoder2",
]);

/** Multimodal models keep their decoder's settings under `text_config`. */
export function parseModelConfig(config: JsonObject): ModelConfig {
  const nested = config.get("text_config");
  const text: JsonObject = isJsonObject(nested) ? nested : config;
  const setting = (...keys: readonly string[]): Setting | undefined => {
    for (const key of keys) {
      const value = jsonNumber(text.get(key));
      if (value !== undefined && Number.isInteger(value) && value > 0) return { key, value };
    }
    return undefined;
  };
  const number = (...keys: readonly string[]) => setting(...keys)?.value;
  const experts = number("num_local_experts", "num_experts", "n_routed_experts");
  const isMixture = experts !== undefined || text.has("intermediate_size_mlp");
  const heads = number("num_attention_heads", "n_head", "n_heads", "num_heads", "decoder_attention_heads");
  const keyHeads = number("num_key_value_heads") ?? heads;
  const hidden = number("hidden_size", "n_embd", "d_model", "dim");
  const perHead =
    number("head_dim", "d_kv") ?? (hidden === undefined || heads === undefined ? undefined : hidden / heads);
  const architecture = architectureOf(config) ?? "";
  return {
    number,
    extraLayers: number("num_nextn_predict_layers", "mtp_num_hidden_layers") ?? 0,
    vocabulary: number("decoder_vocab_size", "vocab_size"),
    hidden,
    embeddingWidth: number("embedding_size", "word_embed_proj_dim") ?? hidden,
    intermediate: isMixture ? undefined : (setting(...innerKeys) ?? fourfold(text, hidden)),
    expertIntermediate:
      setting("moe_intermediate_size") ??
      (text.has("num_local_experts") ? setting("intermediate_size") : undefined),
    attention: heads === undefined || perHead === undefined ? undefined : heads * perHead,
    keyValue: keyHeads === undefined || perHead === undefined ? undefined : keyHeads * perHead,
    plainHeads: plainAttention.has(jsonString(text.get("model_type")) ?? "")
      ? { heads, keyHeads, perHead }
      : undefined,
    experts,
    isConv1d: jsonString(text.get("model_type")) === "gpt2",
    tied: tied(text) ?? tied(config),
    isGenerator: /For(?:CausalLM|ConditionalGeneration)$|LMHeadModel$/.test(architecture),
  };
}

/** What the architectures call the width within a feed-forward layer; an encoder's may differ from its decoder's. */
const innerKeys = [
  "intermediate_size",
  "ffn_dim",
  "d_ff",
  "hidden_dim",
  "n_inner",
  "ffn_hidden_size",
  "decoder_ffn_dim",
];

/** Architectures that make it four times as wide as the layers unless they are told otherwise. */
function fourfold(text: JsonObject, hidden: number | undefined): Setting | undefined {
  const type = jsonString(text.get("model_type"));
  const isFourfold = type === "gpt2" || type === "bloom" || type === "falcon";
  return isFourfold && hidden !== undefined ? { key: undefined, value: 4 * hidden } : undefined;
}

function tied(config: JsonObject): boolean | undefined {
  const value = config.get("tie_word_embeddings");
  return typeof value === "boolean" ? value : undefined;
}

/** The class of transformers that a configuration names first. */
export function architectureOf(config: JsonObject): string | undefined {
  const architectures = config.get("architectures");
  return isJsonArray(architectures) ? jsonString(architectures[0]) : undefined;
}
