import type { Files } from "../bytes/files";
import { baseName } from "../bytes/paths";
import { readText } from "../bytes/readText";
import { codeProblems, type NamedCode } from "../formats/programs/namedCode";
import { pipelineCode, sentenceModules, settingsCode } from "../formats/programs/settingsCode";
import { templateProblem } from "../formats/programs/templateCode";
import { yamlCode } from "../formats/programs/yamlCode";
import { savedModelCode } from "../formats/tensorflow/savedModelCode";
import { isJsonArray, isJsonObject, type JsonValue, parseJson } from "../json/parseJson";
import type { Problem } from "../problem/problem";

/** Settings that name code have some kilobytes; a vocabulary, a log and an index, which have megabytes, name none. */
const maxTextBytes = 2_000_000;
/** Settings by which frameworks are told of code; of other files nobody expects any. */
const asksForCode = /(?:^|_)config\.json$|^(?:model_index|modules)\.json$|^MLmodel$|\.jinja2?$/i;
const withoutCode = /^(?:tokenizer|vocab|trainer_state|.*\.index)\.json$/i;

/** What a file beside the weights has frameworks run when they load the checkpoint, by its name's ending. */
export async function codeBeside(
  files: Files,
  { name, path }: { readonly name: string; readonly path: string },
  signal?: AbortSignal,
): Promise<readonly Problem[]> {
  try {
    if (name === "saved_model.pb") return await inSavedModel(files, path, signal);
    if (withoutCode.test(name)) return [];
    if (/\.json$/i.test(name)) return inJson(await readText(files, path, maxTextBytes, signal), path);
    if (/\.ya?ml$/i.test(name) || name === "MLmodel") {
      const text = await readText(files, path, maxTextBytes, signal);
      return codeProblems(name, yamlCode(text, name === "MLmodel"), path);
    }
    if (!/\.jinja2?$/i.test(name)) return [];
    const problem = templateProblem(name, await readText(files, path, maxTextBytes, signal), path);
    return problem === undefined ? [] : [problem];
  } catch (error) {
    signal?.throwIfAborted();
    if (!(error instanceof Error)) throw error;
    // What else is too large, damaged or gone is told where it is needed.
    return asksForCode.test(name) ? [unsearched(name, error.message, path)] : [];
  }
}

function unsearched(name: string, reason: string, file: string): Problem {
  const message = `${name} was not searched for code that frameworks run when they load the checkpoint: ${reason}`;
  return { severity: "warning", code: "UnsearchedSettings", message, file };
}

function inJson(text: string, path: string): readonly Problem[] {
  const name = baseName(path);
  const { value } = parseJson(text);
  const found: NamedCode[] = [...settingsCode(value)];
  if (name === "model_index.json") found.push(...pipelineCode(value));
  if (name === "modules.json") found.push(...sentenceModules(value));
  const templates = templatesIn(value).flatMap((template) => templateProblem(name, template, path) ?? []);
  return [...codeProblems(name, found, path), ...templates.slice(0, 1)];
}

async function inSavedModel(files: Files, path: string, signal?: AbortSignal): Promise<readonly Problem[]> {
  const source = await files.open(path);
  try {
    return codeProblems(baseName(path), await savedModelCode(source, signal), path);
  } finally {
    await source.close();
  }
}

/** Templates of a tokenizer or a processor: one text, a list of named ones, or a mapping. */
function templatesIn(value: JsonValue): readonly string[] {
  const template = isJsonObject(value) ? value.get("chat_template") : undefined;
  return template === undefined ? [] : texts(template);
}

function texts(value: JsonValue): readonly string[] {
  if (typeof value === "string") return [value];
  if (isJsonArray(value)) return value.slice(0, 100).flatMap(texts);
  return isJsonObject(value) ? [...value.values()].slice(0, 100).flatMap(texts) : [];
}
