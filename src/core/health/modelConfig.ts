import { isJsonArray, isJsonObject, type JsonObject, jsonNumber, jsonString } from "../json/parseJson";

/** What config.json promises of the weights of a decoder. Undefined where it says nothing, or several things. */
export interface ModelConfig {
  readonly layers: number | undefined;
  /** Layers behind the last that predict further tokens (DeepSeek's and GLM's MTP); weights may hold them or not. */
  readonly extraLayers: number;
  readonly vocabulary: number | undefined;
  readonly hidden: number | undefined;
  /** Of the token embedding, where it is projected to the hidden size (ELECTRA). */
  readonly embeddingWidth: number | undefined;
  /** Of dense layers; undefined for mixtures, whose layers have several. */
  readonly intermediate: number | undefined;
  /** Of one expert of a mixture. */
  readonly expertIntermediate: number | undefined;
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
  /** Of the feed-forward layers of GPT-2, which has a default. */
  readonly conv1dInner: number | undefined;
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
  const number = (...keys: readonly string[]) => {
    for (const key of keys) {
      const value = jsonNumber(text.get(key));
      if (value !== undefined && Number.isInteger(value) && value > 0) return value;
    }
    return undefined;
  };
  const experts = number("num_local_experts", "num_experts", "n_routed_experts");
  const isMixture = experts !== undefined || text.has("intermediate_size_mlp");
  const heads = number("num_attention_heads", "n_head");
  const keyHeads = number("num_key_value_heads") ?? heads;
  const hidden = number("hidden_size", "n_embd", "d_model");
  const perHead =
    number("head_dim") ?? (hidden === undefined || heads === undefined ? undefined : hidden / heads);
  const architectures = config.get("architectures");
  const architecture = isJsonArray(architectures) ? (jsonString(architectures[0]) ?? "") : "";
  return {
    layers: number("num_hidden_layers", "n_layer", "num_layers"),
    extraLayers: number("num_nextn_predict_layers", "mtp_num_hidden_layers") ?? 0,
    vocabulary: number("vocab_size"),
    hidden,
    embeddingWidth: number("embedding_size") ?? hidden,
    intermediate: isMixture ? undefined : number("intermediate_size"),
    expertIntermediate:
      number("moe_intermediate_size") ??
      (text.has("num_local_experts") ? number("intermediate_size") : undefined),
    attention: heads === undefined || perHead === undefined ? undefined : heads * perHead,
    keyValue: keyHeads === undefined || perHead === undefined ? undefined : keyHeads * perHead,
    plainHeads: plainAttention.has(jsonString(text.get("model_type")) ?? "")
      ? { heads, keyHeads, perHead }
      : undefined,
    experts,
    conv1dInner:
      jsonString(text.get("model_type")) === "gpt2"
        ? (number("n_inner") ?? (hidden && 4 * hidden))
        : undefined,
    tied: tied(text) ?? tied(config),
    isGenerator: /For(?:CausalLM|ConditionalGeneration)$|LMHeadModel$/.test(architecture),
  };
}

function tied(config: JsonObject): boolean | undefined {
  const value = config.get("tie_word_embeddings");
  return typeof value === "boolean" ? value : undefined;
}
