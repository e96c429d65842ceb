import { isJsonObject, type JsonObject, type JsonValue } from "../../json/parseJson";

/**
 * AdapterHub's `adapter_config.json` (the `adapters` library and `adapter-transformers` before it) in PEFT's words;
 * undefined for others. It has the settings of the method in `config`: `architecture` "lora" with `r` and `alpha`,
 * which scale as PEFT's do, or null for bottleneck adapters.
 */
export function adapterHubConfig(object: JsonObject): JsonObject | undefined {
  const settings = object.get("config");
  if (!isJsonObject(settings) || object.has("peft_type") || !object.has("model_class")) return undefined;
  const architecture = settings.get("architecture") ?? null;
  const method = architecture === null ? "BOTTLENECK" : architecture === "lora" ? "LORA" : undefined;
  const known: readonly (readonly [string, JsonValue | undefined])[] = [
    ["peft_type", method],
    ["base_model_name_or_path", object.get("model_name")],
    ["r", settings.get("r")],
    ["lora_alpha", settings.get("alpha")],
  ];
  return new Map(known.flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])));
}
