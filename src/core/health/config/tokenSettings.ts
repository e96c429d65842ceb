import { isJsonArray, isJsonObject, type JsonObject, jsonNumber, jsonString } from "../../json/parseJson";
import type { Problem } from "../../problem/problem";
import type { Tensor } from "../../tensors/tensor";
import { formatCount } from "../../text/quantities";

const tokens = ["bos_token_id", "eos_token_id", "pad_token_id"] as const;

/** Tokens that the configuration names and the embedding has no row for, as a tokenizer that was swapped leaves them. */
export function tokensBeyond(
  config: JsonObject,
  embedding: Tensor | undefined,
  file = "config.json",
): readonly Problem[] {
  const rows = embedding?.shape[0];
  // Of a slice or a packed weight the rows are not those of the vocabulary.
  if (embedding === undefined || rows === undefined || rows < 2 || !/^(?:F|BF)\d/.test(embedding.dtype))
    return [];
  const places = placesOf(config);
  const beyond = tokens.flatMap((key) => {
    const value = places.map((place) => place.get(key)).find((found) => (found ?? null) !== null);
    const ids = (isJsonArray(value) ? value : [value]).flatMap((id) => jsonNumber(id) ?? []);
    const highest = Math.max(-1, ...ids);
    return highest >= rows ? [`${key} ${formatCount(highest)}`] : [];
  });
  if (beyond.length === 0) return [];
  const message = `${file} says ${beyond.join(", ")}, and ${embedding.name} has ${formatCount(rows)} rows: the model never sees such a token, so that generation does not end by it; with a padding token beyond the rows transformers fails to build the model. The configuration or the tokenizer is another model's.`;
  return [{ severity: "warning", code: "TokenBeyondVocabulary", message, tensor: embedding.name }];
}

/** Ways to scale positions that transformers cannot build without a factor (its `rope_utils`). */
const scaled = /^(?:linear|dynamic|yarn|llama3)$/;

/** Scaled positions without how much: the model is not built, or built for the short context. */
export function scalingWithoutFactor(config: JsonObject): readonly Problem[] {
  for (const place of placesOf(config))
    for (const key of ["rope_scaling", "rope_parameters"]) {
      const scaling = place.get(key);
      if (!isJsonObject(scaling)) continue;
      const type = jsonString(scaling.get("rope_type")) ?? jsonString(scaling.get("type"));
      if (type === undefined || !scaled.test(type) || jsonNumber(scaling.get("factor")) !== undefined)
        continue;
      const message = `config.json has ${key} of type ${type} without a factor: transformers stops at it (KeyError: 'factor') or takes another.`;
      return [{ severity: "warning", code: "RopeWithoutFactor", message }];
    }
  return [];
}

/** A configuration, and that of the language model in it. */
function placesOf(config: JsonObject): readonly JsonObject[] {
  const text = config.get("text_config");
  return [config, ...(isJsonObject(text) ? [text] : [])];
}
