import { isJsonArray, isJsonObject, type JsonObject, jsonNumber, jsonString } from "../json/parseJson";

/** What config.json promises of the weights of a decoder. Undefined where it says nothing, or several things. */
export interface ModelConfig {
  readonly layers: number | undefined;
  /** Layers behind the last that predict further tokens (DeepSeek's and GLM's MTP); weights may hold them or not. */
  readonly extraLayers: number;
  readonly vocabulary: number | undefined;
  readonly hidden: number | undefined;
  /** Of dense layers; undefined for mixtures, whose layers have several. */
  readonly intermediate: number | undefined;
  readonly experts: number | undefined;
  /** Undefined where it is left to the default of the architecture. */
  readonly tied: boolean | undefined;
  readonly isGenerator: boolean;
}

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
  const architectures = config.get("architectures");
  const architecture = isJsonArray(architectures) ? (jsonString(architectures[0]) ?? "") : "";
  return {
    layers: number("num_hidden_layers", "n_layer", "num_layers"),
    extraLayers: number("num_nextn_predict_layers", "mtp_num_hidden_layers") ?? 0,
    vocabulary: number("vocab_size"),
    hidden: number("hidden_size", "n_embd", "d_model"),
    intermediate: isMixture ? undefined : number("intermediate_size"),
    experts,
    tied: tied(text) ?? tied(config),
    isGenerator: /For(?:CausalLM|ConditionalGeneration)$|LMHeadModel$/.test(architecture),
  };
}

function tied(config: JsonObject): boolean | undefined {
  const value = config.get("tie_word_embeddings");
  return typeof value === "boolean" ? value : undefined;
}
