import type { Files } from "../../bytes/files";
import { readText } from "../../bytes/readText";
import type { FolderContext } from "../../checkpoint/folderContext";
import { JsonSyntaxError } from "../../json/jsonScanner";
import { isJsonObject, type JsonObject, jsonNumber, parseJson } from "../../json/parseJson";
import { CheckpointError } from "../../problem/checkpointError";
import { maxConfigBytes } from "../../problem/limits";
import type { Problem } from "../../problem/problem";
import type { Tensor } from "../../tensors/tensor";
import { tokensBeyond } from "../config/tokenSettings";
import { tokenRows } from "./tokenizerSize";

const fileName = "generation_config.json";

/** Settings of sampling and the values that say nothing (transformers' `GenerationConfig.validate`). */
const ofSampling: ReadonlyMap<string, number> = new Map([
  ["temperature", 1],
  ["top_p", 1],
  ["top_k", 50],
  ["typical_p", 1],
  ["epsilon_cutoff", 0],
  ["eta_cutoff", 0],
]);

/**
 * Settings of generation that transformers loads with a warning and refuses to write: a training that began with them
 * stops at its first save, and what it learnt is lost.
 */
export async function generationSettings(
  files: Files,
  folder: FolderContext,
  tensors: readonly Tensor[],
  signal?: AbortSignal,
): Promise<readonly Problem[]> {
  const found = folder.files.find(({ name, kind }) => name === fileName && kind === "file");
  if (found === undefined) return [];
  const warn = (code: string, message: string): Problem[] => [
    { severity: "warning", code, message, file: found.path },
  ];
  try {
    const { value, truncatedAt } = parseJson(await readText(files, found.path, maxConfigBytes, signal));
    if (truncatedAt !== undefined) return warn("ConfigUnreadable", `${fileName} ends early: it was cut.`);
    if (!isJsonObject(value)) return [];
    return [...refused(value, warn), ...tokensBeyond(value, tokenRows(tensors), fileName)];
  } catch (error) {
    signal?.throwIfAborted();
    if (!(error instanceof JsonSyntaxError || error instanceof CheckpointError)) throw error;
    return warn("ConfigUnreadable", `${fileName} cannot be read: ${error.message}`);
  }
}

function refused(settings: JsonObject, warn: (code: string, message: string) => Problem[]): Problem[] {
  if (settings.get("do_sample") === true) return [];
  const set = [...ofSampling].flatMap(([key, neutral]) => {
    const value = jsonNumber(settings.get(key));
    return value === undefined || value === neutral ? [] : [`${key} ${value}`];
  });
  if (set.length === 0) return [];
  const message = `${fileName} sets ${set.join(", ")} without do_sample true: transformers loads that, and refuses to save it again, so that a training stops at its first checkpoint. Set do_sample, or leave ${set.length === 1 ? "it" : "them"} out.`;
  return warn("GenerationConfigInvalid", message);
}
