import { isJsonObject, type JsonValue, parseJson } from "../../json/parseJson";
import { CheckpointError } from "../../problem/checkpointError";
import type { WritableDtype } from "../../tensors/encode";

/** What a configuration must say differently of weights that were changed. */
export interface ConfigChange {
  /** The dtype that the weights have now, if it is another one. */
  readonly dtype?: WritableDtype;
  /** They were packed and are plain floats now: a loader must not unpack them. */
  readonly isUnpacked: boolean;
  /** The output head has a weight of its own now. */
  readonly isUntied?: boolean;
}

const torchNames: Readonly<Record<WritableDtype, string>> = {
  F64: "float64",
  F32: "float32",
  F16: "float16",
  BF16: "bfloat16",
};

/**
 * A `config.json` with the new dtype, and without the quantisation where there is none any more. The rest of the text
 * stays letter by letter: Python tells 10000.0 from 10000.
 * @throws CheckpointError `NotConvertible` where the text is none that can be edited so.
 */
export function editConfig(text: string, { dtype, isUnpacked, isUntied = false }: ConfigChange): string {
  const untied = isUntied ? withMember(text, "tie_word_embeddings", "false") : text;
  const named = dtype === undefined ? untied : withDtype(untied, torchNames[dtype]);
  const edited = isUnpacked
    ? withoutMember(withoutMember(named, "quantization_config"), "quantization")
    : named;
  const value = jsonOf(edited);
  const left = isJsonObject(value) && (value.has("quantization_config") || value.has("quantization"));
  if (value !== undefined && !(isUnpacked && left)) return edited;
  throw new CheckpointError(
    "NotConvertible",
    "config.json could not be brought in line with the new weights, and a loader would go by the old one.",
  );
}

/** Where nothing is said, transformers loads a model as F32, whatever its weights are. */
function withDtype(text: string, name: string): string {
  const named = text.replace(
    /("(?:torch_)?dtype"\s*:\s*)(?:"(?:float64|float32|float16|bfloat16)"|null)/g,
    `$1"${name}"`,
  );
  const value = jsonOf(named);
  if (!isJsonObject(value) || !value.has("model_type") || value.has("torch_dtype") || value.has("dtype"))
    return named;
  return withFirst(named, "torch_dtype", `"${name}"`);
}

/** The text with a member of the outermost object that is true, false or not there yet. */
function withMember(text: string, key: string, value: string): string {
  const found = new RegExp(`("${key}"\\s*:\\s*)(?:true|false|null)`);
  return found.test(text) ? text.replace(found, `$1${value}`) : withFirst(text, key, value);
}

function withFirst(text: string, key: string, value: string): string {
  return text.replace(
    /^(\s*\{)(\s*)/,
    (_, brace: string, space: string) => `${brace}${space}"${key}": ${value},${space || " "}`,
  );
}

function jsonOf(text: string): JsonValue | undefined {
  try {
    return parseJson(text).value;
  } catch {
    return undefined;
  }
}

/** The text without a member whose value is an object, and without the comma that belonged to it. */
function withoutMember(text: string, key: string): string {
  const found = new RegExp(`"${key}"\\s*:\\s*\\{`).exec(text);
  if (found === null) return text;
  const end = endOfObject(text, found.index + found[0].length - 1);
  const [before, after] = [text.slice(0, found.index), text.slice(end)];
  const next = /^\s*,\s*/.exec(after);
  return next === null ? before.replace(/,\s*$/, "") + after : before + after.slice(next[0].length);
}

/** Where the object that begins at `start` ends; braces in texts do not count. */
function endOfObject(text: string, start: number): number {
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    const letter = text[at];
    if (letter === '"') at = endOfString(text, at);
    else if (letter === "{") depth++;
    else if (letter === "}" && --depth === 0) return at + 1;
  }
  return text.length;
}

function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === "\\") at++;
    else if (text[at] === '"') return at;
  }
  return text.length;
}
