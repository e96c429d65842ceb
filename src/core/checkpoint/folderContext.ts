import { litgptSettingsName, parseLitgptSettings } from "../adapter/settings/litgptSettings";
import type { BrokenLink, Files, OnBrokenLink } from "../bytes/files";
import { mapParallel } from "../bytes/mapParallel";
import { baseName, joinPath, parentPath } from "../bytes/paths";
import { readText } from "../bytes/readText";
import { JsonSyntaxError } from "../json/jsonScanner";
import { isJsonObject, type JsonObject, parseJson } from "../json/parseJson";
import { findHalfWritten } from "../parts/halfWritten";
import { classifyEntry, type PartFile } from "../parts/parts";
import { CheckpointError } from "../problem/checkpointError";
import { maxConfigBytes, maxEagerTrainerStateBytes, maxListedFiles } from "../problem/limits";
import { messageOf } from "../problem/messageOf";
import type { Problem } from "../problem/problem";
import { readTrainerState, trainerStateOf } from "../progress/readTrainerState";
import type { TrainerState } from "../progress/trainerState";
import { modelFolders } from "./modelFolders";

/** A file of a checkpoint folder with its size; of a folder the size is not known here. */
export interface FolderFile extends PartFile {
  readonly path: string;
}

export interface JsonFile {
  readonly name: string;
  readonly path: string;
  readonly value: JsonObject;
}

/** What lies beside the weights: the small files that say what they are. */
export interface FolderContext {
  readonly folder: string;
  readonly files: readonly FolderFile[];
  /** Links in the folder that lead nowhere. */
  readonly brokenLinks: readonly BrokenLink[];
  readonly adapterConfig: JsonFile | undefined;
  readonly config: JsonFile | undefined;
  readonly stageFile: JsonFile | undefined;
  /** Undefined where there is none, or where it is so large that it is read only when asked for. */
  readonly trainerState: TrainerState | undefined;
  readonly trainerStatePath: string | undefined;
  /** torchtune's state of the training, which lies beside the folders of the weights. */
  readonly recipeState?: FolderFile | undefined;
  readonly problems: readonly Problem[];
}

/**
 * Reads the folder's listing and its small JSON files. Never rejects: what cannot be read is a problem.
 * @param weights the file that is open: what lies in a folder of its own has its configuration there.
 * @param withLog trainer_state.json is read, which grows with the training.
 */
export async function readFolderContext(
  files: Files,
  folder: string,
  weights: string,
  signal?: AbortSignal,
  withLog = true,
): Promise<FolderContext> {
  const problems: Problem[] = [];
  const holder = parentPath(weights);
  const isBelow = holder.startsWith(`${folder}/`);
  const brokenLinks: BrokenLink[] = [];
  const all = await listFolder(files, folder, problems, (link) => brokenLinks.push(link));
  const listed = isBelow ? await withModels(files, folder, all) : all;
  const besideWeights = isBelow ? await listFolder(files, holder, problems) : listed;
  const json = async (name: string, among = listed) => {
    const found = among.find((file) => file.name === name && file.kind === "file");
    return found === undefined ? undefined : readJsonFile(files, found.path, problems, signal);
  };
  const litgpt = listed.find((file) => file.name === litgptSettingsName && file.kind === "file");
  const state = trainerStateOf(listed.filter(({ kind }) => kind === "file"));
  const small = withLog && state !== undefined && (state.size ?? 0) <= maxEagerTrainerStateBytes;
  const [adapterConfig, config, stageFile, trainerState] = await Promise.all([
    json("adapter_config.json", besideWeights).then(
      (found) => found ?? (litgpt && readLitgpt(files, litgpt.path, signal)),
    ),
    json("config.json", besideWeights),
    json("checkpoint-stage.json"),
    small ? readTrainerState(files, state.path, signal) : undefined,
  ]);
  return {
    folder,
    files: listed,
    brokenLinks,
    adapterConfig,
    config,
    stageFile,
    trainerState,
    trainerStatePath: state?.path,
    recipeState: await recipeStateBeside(files, folder),
    problems: [...findHalfWritten(baseName(folder), listed).problems, ...problems],
  };
}

/** By their names, in all their wrappings. */
const mayBePickle = /\.(?:pt|pth|tar|bin|ckpt|pkl|pickle|p|joblib|dill|sav|npy|npz|safetensors|json)\b/i;

async function listFolder(
  files: Files,
  folder: string,
  problems: Problem[],
  onBrokenLink?: OnBrokenLink,
): Promise<FolderFile[]> {
  try {
    const listed = await files.list(folder, onBrokenLink);
    // What Python unpickles first: thousands of other files must not hide it.
    const entries =
      listed.length > maxListedFiles
        ? [...listed].sort((a, b) => Number(mayBePickle.test(b.name)) - Number(mayBePickle.test(a.name)))
        : listed;
    if (entries.length > maxListedFiles) {
      const message = `The folder holds ${entries.length} entries; the first ${maxListedFiles} are looked at.`;
      problems.push({ severity: "info", code: "ManyFiles", message, file: folder });
    }
    return await mapParallel(entries.slice(0, maxListedFiles), 16, async ({ name, kind }) => {
      const path = joinPath(folder, name);
      const size = kind === "file" ? (await files.stat(path))?.size : undefined;
      return { ...classifyEntry({ name, kind, ...(size === undefined ? {} : { size }) }), path };
    });
  } catch (error) {
    problems.push(unreadable(folder, error));
    return [];
  }
}

async function readJsonFile(
  files: Files,
  path: string,
  problems: Problem[],
  signal?: AbortSignal,
): Promise<JsonFile | undefined> {
  try {
    const { value, truncatedAt } = parseJson(await readText(files, path, maxConfigBytes, signal));
    if (truncatedAt !== undefined) {
      const message = `${baseName(path)} ends early: it is half-written or was cut. What is there is shown.`;
      problems.push({ severity: "error", code: "TruncatedJson", message, file: path, offset: truncatedAt });
    }
    return isJsonObject(value) ? { name: baseName(path), path, value } : undefined;
  } catch (error) {
    signal?.throwIfAborted();
    problems.push(unreadable(path, error));
    return undefined;
  }
}

/** litgpt's settings of a LoRA as a configuration; undefined where the file says nothing of one. */
async function readLitgpt(files: Files, path: string, signal?: AbortSignal): Promise<JsonFile | undefined> {
  try {
    const value = parseLitgptSettings(await readText(files, path, maxConfigBytes, signal));
    return value && { name: baseName(path), path, value };
  } catch (error) {
    signal?.throwIfAborted();
    // Other programs keep a file of this name too; what it says is then not ours to judge.
    if (error instanceof CheckpointError) return undefined;
    throw error;
  }
}

function unreadable(path: string, error: unknown): Problem {
  const name = baseName(path);
  if (error instanceof JsonSyntaxError) {
    const message = `${name} is not valid JSON: ${error.message}.`;
    return { severity: "warning", code: "InvalidJson", message, file: path, offset: error.offset };
  }
  if (error instanceof CheckpointError) return { ...error.inFile(path).toProblem(), severity: "warning" };
  const reason = messageOf(error);
  return {
    severity: "warning",
    code: "Unreadable",
    message: `${name} cannot be read: ${reason}.`,
    file: path,
  };
}

/** Where the weights lie in a folder of their own, with what the others like it are. */
async function withModels(
  files: Files,
  folder: string,
  listed: readonly FolderFile[],
): Promise<readonly FolderFile[]> {
  const parts = new Map((await modelFolders(files, folder, listed)).map(({ name, part }) => [name, part]));
  return listed.map((file) => ({ ...file, part: parts.get(file.name) ?? file.part }));
}

/** `recipe_state/recipe_state.pt` beside the folders `epoch_0`, `step_100`, …: it counts steps, too. */
async function recipeStateBeside(files: Files, folder: string): Promise<FolderFile | undefined> {
  if (!/^(?:epoch|step)_\d+$/.test(baseName(folder))) return undefined;
  const name = "recipe_state.pt";
  const path = joinPath(parentPath(folder), "recipe_state", name);
  const found = await files.stat(path).catch(() => undefined);
  if (found === undefined) return undefined;
  return { name, path, size: found.size, kind: "file", part: "optimizer", alsoHolds: ["trainer-state"] };
}
