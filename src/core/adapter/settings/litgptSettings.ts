import type { JsonObject, JsonValue } from "../../json/parseJson";

/** The file beside litgpt's adapter; its full trainings write one too, without these settings. */
export const litgptSettingsName = "hyperparameters.yaml";

/**
 * The `lora_…` lines of litgpt's hyperparameters.yaml: numbers and switches, one a line. Undefined where there is no
 * `lora_r`, which only its adapters have.
 */
export function parseLitgptSettings(text: string): JsonObject | undefined {
  const settings = new Map<string, JsonValue>();
  for (const [, key = "", value = ""] of text.matchAll(/^(lora_\w+):[ \t]*([\w.+-]+)[ \t]*(?:#.*)?\r?$/gm)) {
    const number = Number(value);
    if (value === "true" || value === "false") settings.set(key, value === "true");
    else if (Number.isFinite(number)) settings.set(key, number);
  }
  return settings.has("lora_r") ? settings : undefined;
}
