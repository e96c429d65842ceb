import { isJsonObject, type JsonObject, jsonString } from "../../json/parseJson";
import type { Problem } from "../../problem/problem";
import { elementCount, type Tensor } from "../../tensors/tensor";
import { plural } from "../../text/quantities";

const ofVision = /(?:^|\.)(?:vision_tower|vision_model|visual|multi_modal_projector|audio_tower)\./;
const nested = /(?:^|\.)language_model\./;

/**
 * A configuration of the language model alone beside the weights of all of a multimodal one, as exports leave it that take
 * the settings from memory and the weights from the base's files.
 */
export function languageConfigOnly(config: JsonObject, tensors: readonly Tensor[]): readonly Problem[] {
  const isOfPart = ![...config.keys()].some((key) => /^(?:text|vision|audio|llm|thinker)_config$/.test(key));
  const type = jsonString(config.get("model_type"));
  if (!isOfPart || type === undefined || !/_text$|^(?:llama|mistral|qwen[23]|gemma[23]?|phi3)$/.test(type))
    return [];
  const vision = tensors.find(({ name }) => ofVision.test(name));
  const language = tensors.find(({ name }) => nested.test(name));
  if (vision === undefined || language === undefined) return [];
  const message = `config.json describes a language model alone (${type}), and the weights are a multimodal model's, e.g. ${language.name} and ${vision.name}: a loader that goes by exact names finds none of them, and initialises all at random. The base model's config.json belongs here.`;
  return [{ severity: "warning", code: "ConfigOfPart", message }];
}

/** Layers for further tokens that are announced and not there: transformers leaves them out when it saves. */
export function missingPrediction(
  announced: number,
  surplus: number,
  tensors: readonly Tensor[],
): readonly Problem[] {
  if (announced === 0 || surplus > 0 || tensors.some(({ name }) => /(?:^|\.)mtp\./.test(name))) return [];
  const message = `config.json announces ${plural(announced, "layer")} for multi-token prediction, of which the weights hold none: transformers leaves them out when it loads and saves. Servers that draft with them (speculative decoding) will not find them.`;
  return [{ severity: "info", code: "PredictionMissing", message }];
}

const widths: Readonly<Record<string, string>> = { bfloat16: "BF16", float16: "F16" };

/** Weights of twice the bytes that the configuration says: what FSDP and full precision trainings leave. */
export function widerThanSaid(config: JsonObject, tensors: readonly Tensor[]): readonly Problem[] {
  const text = config.get("text_config");
  const said =
    jsonString(config.get("dtype")) ??
    jsonString(config.get("torch_dtype")) ??
    (isJsonObject(text) ? (jsonString(text.get("dtype")) ?? jsonString(text.get("torch_dtype"))) : undefined);
  const narrow = widths[said ?? ""];
  if (narrow === undefined || config.has("quantization_config")) return [];
  let [wide, all] = [0, 0];
  for (const { dtype, shape } of tensors) {
    if (!/^(?:F32|F64|BF16|F16)$/.test(dtype)) continue;
    const count = elementCount(shape);
    all += count;
    if (dtype === "F32") wide += count;
  }
  // Norms and routers are often kept in F32 on purpose.
  if (all === 0 || wide / all < 0.9) return [];
  const message = `config.json says ${said}, the weights are F32: they take twice the room, and loaders that go by config.json round them to ${narrow}. A scan tells whether that loses anything.`;
  return [{ severity: "info", code: "WiderThanConfig", message }];
}
