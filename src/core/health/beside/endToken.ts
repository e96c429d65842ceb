import type { Files } from "../../bytes/files";
import { joinPath } from "../../bytes/paths";
import type { FolderContext } from "../../checkpoint/folderContext";
import { isJsonArray, isJsonObject, type JsonObject, jsonNumber, jsonString } from "../../json/parseJson";
import { maxTokenListBytes } from "../../problem/limits";
import type { Problem } from "../../problem/problem";
import { formatCount } from "../../text/quantities";
import { quote } from "../../text/quote";
import { architectureOf } from "../config/modelConfig";
import { settingsIn } from "./settingsIn";

/**
 * A token at which the tokenizer ends a text, and at which generation does not stop: a model that was taught to end so
 * goes on to the longest answer. generation_config.json says where to stop, or else config.json.
 */
export async function endToken(
  files: Files,
  folder: FolderContext,
  signal?: AbortSignal,
): Promise<readonly Problem[]> {
  const config = folder.config?.value;
  if (config === undefined || !/For(?:CausalLM|ConditionalGeneration)$/.test(architectureOf(config) ?? ""))
    return [];
  const read = async (name: string): Promise<JsonObject | undefined> => {
    if (!folder.files.some((file) => file.name === name && file.kind === "file")) return undefined;
    return settingsIn(files, joinPath(folder.folder, name), maxTokenListBytes, signal);
  };
  const tokenizer = await read("tokenizer_config.json");
  const token = tokenizer === undefined ? undefined : textOf(tokenizer.get("eos_token"));
  const id = tokenizer === undefined || token === undefined ? undefined : idOf(tokenizer, token);
  if (token === undefined || id === undefined) return [];
  const generation = await read("generation_config.json");
  const source = generation?.has("eos_token_id") === true ? "generation_config.json" : "config.json";
  const stops = numbersOf(
    (generation?.has("eos_token_id") === true ? generation : config).get("eos_token_id"),
  );
  if (stops.length === 0 || stops.includes(id)) return [];
  const at = stops.map((stop) => formatCount(stop)).join(", ");
  const message = `The tokenizer ends texts with ${quote(token)} (id ${formatCount(id)}), and generation stops at ${at} alone (eos_token_id in ${source}): where the model was taught to end with the tokenizer's, its answers go on to the limit.`;
  return [{ severity: "info", code: "EndTokensDiffer", message, file: joinPath(folder.folder, source) }];
}

/** A text, or an added token that has one. */
function textOf(value: ReturnType<JsonObject["get"]>): string | undefined {
  return jsonString(isJsonObject(value) ? value.get("content") : value);
}

/** Of the tokens that the configuration lists itself, as those with a meaning of their own are. */
function idOf(tokenizer: JsonObject, token: string): number | undefined {
  const listed = tokenizer.get("added_tokens_decoder");
  if (!isJsonObject(listed)) return undefined;
  for (const [id, one] of listed) if (textOf(one) === token && /^\d+$/.test(id)) return Number(id);
  return undefined;
}

function numbersOf(value: ReturnType<JsonObject["get"]>): readonly number[] {
  const all = isJsonArray(value) ? [...value] : [value];
  return all.flatMap((one) => jsonNumber(one) ?? []);
}
