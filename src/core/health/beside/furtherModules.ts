import { joinPath } from "../../bytes/paths";
import { readText } from "../../bytes/readText";
import type { FolderContext } from "../../checkpoint/folderContext";
import type { OpenedFiles } from "../../checkpoint/openedFiles";
import { isJsonArray, isJsonObject, jsonIn, jsonString } from "../../json/parseJson";
import { CheckpointError } from "../../problem/checkpointError";
import { maxConfigBytes } from "../../problem/limits";
import { faultsAmong, type Problem } from "../../problem/problem";
import { elementCount } from "../../tensors/tensor";
import { formatCount, plural } from "../../text/quantities";
import { quote } from "../../text/quote";
import { namesItsFile } from "../namesItsFile";
import { moduleWidths, sequenceLength } from "./moduleWidths";
import { settingsIn } from "./settingsIn";

const listName = "modules.json";
const weightsName = /^(?:model\.safetensors|pytorch_model\.bin)$/;

/** Modules that are made of weights of their own; of others the folder may hold settings alone. */
const withWeights: ReadonlySet<string> = new Set([
  "Dense",
  "LayerNorm",
  "LSTM",
  "CNN",
  "WeightedLayerPooling",
]);
const withSettings: ReadonlySet<string> = new Set(["Dense", "LayerNorm", "LSTM", "CNN", "Pooling"]);
/** Modules that keep nothing: git and others leave their empty folders out. */
const withoutFiles: ReadonlySet<string> = new Set(["Normalize"]);

const maxModules = 16;

/**
 * The modules of a sentence-transformers model, which lie in folders of their own behind the transformer: what they
 * are, and what is missing or cut of them. Without them sentence-transformers fails, or makes up a mean pooling.
 */
export async function furtherModules(
  opened: OpenedFiles,
  folder: FolderContext,
  signal?: AbortSignal,
): Promise<readonly Problem[]> {
  const list = folder.files.find(({ name, kind }) => name === listName && kind === "file");
  if (list === undefined) return withoutList(folder);
  let text: string;
  try {
    text = await readText(opened.files, list.path, maxConfigBytes, signal);
  } catch (error) {
    signal?.throwIfAborted();
    if (!(error instanceof CheckpointError)) throw error;
    return [namesItsFile({ file: list.path, ...error.toProblem() })];
  }
  const modules = jsonIn(text);
  // Others have lists of modules, too.
  const told = (isJsonArray(modules) ? modules : []).slice(0, maxModules).flatMap((module) => {
    const type = isJsonObject(module) ? jsonString(module.get("type")) : undefined;
    if (type === undefined || !isJsonObject(module)) return [];
    return [{ type: type.split(".").at(-1) ?? type, path: jsonString(module.get("path")) ?? "" }];
  });
  if (told.length === 0) return [];
  const problems: Problem[] = [];
  const described: string[] = [];
  for (const { type, path } of told) {
    const found = path === "" ? { text: "" } : await moduleIn(opened, folder, type, path, signal);
    problems.push(...(found.problems ?? []));
    described.push(`${path === "" ? type : `${path} (${type}${found.text})`}`);
  }
  problems.push(...(await sequenceLength(opened, folder, signal)));
  const message = `sentence-transformers applies ${plural(told.length, "module")} one after the other: ${described.join(", ")}. Parameters and tensors here are those of the first.`;
  return [...problems, { severity: "info", code: "SentenceModules", message, file: list.path }];
}

interface FoundModule {
  readonly text: string;
  readonly problems?: readonly Problem[];
}

async function moduleIn(
  opened: OpenedFiles,
  folder: FolderContext,
  type: string,
  name: string,
  signal: AbortSignal | undefined,
): Promise<FoundModule> {
  const path = joinPath(folder.folder, name);
  const isHere = folder.files.some((file) => file.kind === "directory" && file.name === name);
  // A path may lead further down, or out of the folder: only what lies in it is looked at.
  if (!isHere && /[\\/]|^\.\.?$/.test(name)) return { text: "" };
  if (!isHere && withoutFiles.has(type)) return { text: "" };
  const lost = (what: string): FoundModule => {
    const message = `${listName} names the module ${quote(name)} (${type}), and ${what}: sentence-transformers cannot load the model.`;
    return {
      text: ", missing",
      problems: [{ severity: "error", code: "ModuleMissing", message, file: path }],
    };
  };
  if (!isHere) return lost("its folder is not here");
  const files = await opened.files.list(path);
  const has = (wanted: RegExp) =>
    files.find(({ kind, name: own }) => kind !== "directory" && wanted.test(own));
  if (withSettings.has(type) && has(/^config\.json$/) === undefined)
    return lost("its config.json is not here");
  const weights = has(weightsName);
  const settingsPath = joinPath(path, "config.json");
  const settings = withSettings.has(type)
    ? await settingsIn(opened.files, settingsPath, maxConfigBytes, signal)
    : undefined;
  const widths = (tensors: Parameters<typeof moduleWidths>[4]) =>
    settings === undefined
      ? []
      : moduleWidths(type, name, settings, folder, tensors).map((one) => ({ ...one, file: settingsPath }));
  if (weights === undefined)
    return withWeights.has(type) ? lost("its weights are not here") : { text: "", problems: widths([]) };
  try {
    const file = joinPath(path, weights.name);
    const { tensors, problems } = await opened.open(file, signal);
    const count = tensors.reduce((sum, { shape }) => sum + elementCount(shape), 0);
    const serious = faultsAmong(problems);
    return {
      text: `, ${formatCount(count)} parameters`,
      problems: [...serious.map((problem) => inModule({ file, ...problem }, name)), ...widths(tensors)],
    };
  } catch (error) {
    signal?.throwIfAborted();
    if (!(error instanceof CheckpointError)) throw error;
    const problem = { file: joinPath(path, weights.name), ...error.toProblem() };
    return { text: ", unreadable", problems: [inModule(problem, name)] };
  }
}

function inModule(problem: Problem, name: string): Problem {
  return { ...problem, message: `Module ${name}: ${problem.message}` };
}

/** The folders of modules are here, and what lists them is not. */
function withoutList({ files, folder }: FolderContext): readonly Problem[] {
  const names = files.filter(({ kind, name }) => kind === "directory" && /^\d+_[A-Z]\w*$/.test(name));
  const isSentence = files.some(({ name }) => /^config_sentence_transformers\.json$/.test(name));
  const [first] = names;
  if (first === undefined || !isSentence) return [];
  const message = `${listName} is missing, which names the modules of sentence-transformers (${names.map(({ name }) => name).join(", ")}): without it a mean pooling is made up, and they are left out.`;
  return [{ severity: "warning", code: "ModuleListMissing", message, file: folder }];
}
