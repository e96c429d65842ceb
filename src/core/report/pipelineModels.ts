import type { Files } from "../bytes/files";
import { joinPath } from "../bytes/paths";
import { readText } from "../bytes/readText";
import { isJsonArray, jsonObjectIn, jsonString } from "../json/parseJson";
import { classifyEntry } from "../parts/parts";
import { maxConfigBytes } from "../problem/limits";
import type { Problem } from "../problem/problem";

const listName = "model_index.json";

/** The models of a pipeline of diffusers, and what is missing of it. */
export interface PipelineModels {
  /** Names of folders with weights. */
  readonly models: readonly string[];
  readonly problems: readonly Problem[];
}

/**
 * What `model_index.json` names: each of a pipeline's models in a folder of its own, beside schedulers and tokenizers, which have
 * no weights.
 * @returns undefined where the folder is no pipeline.
 * @throws {CheckpointError} when a folder or the list cannot be read.
 */
export async function pipelineModels(files: Files, folder: string): Promise<PipelineModels | undefined> {
  const entries = await files.list(folder);
  if (!entries.some(({ name, kind }) => name === listName && kind === "file")) return undefined;
  const list = jsonObjectIn(await readText(files, joinPath(folder, listName), maxConfigBytes));
  if (list === undefined) return undefined;
  const models: string[] = [];
  const problems: Problem[] = [];
  const error = (message: string, name: string) =>
    problems.push({ severity: "error", code: "ModelMissing", message, file: joinPath(folder, name) });
  for (const [name, value] of list) {
    const className = isJsonArray(value) ? jsonString(value[1]) : undefined;
    // Settings of the pipeline are no lists, and what it goes without is a list of nulls.
    if (className === undefined || /^_|[\\/]|^\.\.?$/.test(name)) continue;
    if (!entries.some((entry) => entry.name === name && entry.kind === "directory")) {
      error(
        `${listName} names ${name} (${className}), and its folder is not here: diffusers cannot load the pipeline.`,
        name,
      );
      continue;
    }
    const parts = (await files.list(joinPath(folder, name))).map(classifyEntry);
    if (parts.some(({ part }) => part === "weights")) models.push(name);
    // Schedulers, tokenizers and processors have configurations of other names.
    else if (parts.some((part) => part.name === "config.json"))
      error(
        `${name} (${className}) has a configuration and no weights: diffusers cannot load the pipeline.`,
        name,
      );
  }
  return { models, problems };
}
