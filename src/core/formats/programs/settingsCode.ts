import { isJsonArray, isJsonObject, type JsonObject, type JsonValue } from "../../json/parseJson";
import { kerasCode } from "./kerasCode";
import { isDangerousName, isHarmlessName, type NamedCode } from "./namedCode";

/** Values of one file that are looked at: a configuration has some hundred. */
const maxValues = 200_000;

type Rule = (value: JsonValue, object: JsonObject) => readonly string[];

const remote = "transformers downloads or imports with trust_remote_code, and runs";
const modelscope = "ModelScope installs or imports when it trusts the repository, and runs";
const jsonpickle = "jsonpickle imports and calls when it decodes the file";
const hydra = "Hydra and frameworks over it import and call";
/** Whose classes build models from configurations, honestly and without taking code from the file. */
const ownClasses =
  /^(?:torch|torchvision|torchaudio|torchmetrics|transformers|diffusers|peft|nemo|lightning|pytorch_lightning|timm|omegaconf|datasets)\.(?:\w+\.)*[A-Z]\w*$/;

/** Keys by which settings name code, what of their values does, and who runs it. */
const rules: ReadonlyMap<string, { readonly by: string; readonly names: Rule }> = new Map(
  Object.entries({
    auto_map: { by: remote, names: textsIn },
    custom_pipelines: { by: remote, names: (value) => membersNamed(value, "impl") },
    custom_generate: { by: remote, names: textsIn },
    trust_remote_code: {
      by: remote,
      names: (value) => (value === true ? ["what its repository holds"] : []),
    },
    allow_remote: { by: modelscope, names: (value) => (value === true ? ["what its repository holds"] : []) },
    plugins: { by: modelscope, names: (value, object) => (object.has("framework") ? textsIn(value) : []) },
    attn_implementation: { by: kernels(), names: repositoriesIn },
    _attn_implementation: { by: kernels(), names: repositoriesIn },
    auto_mapping: { by: "PEFT imports", names: parentLibrary },
    _target_: { by: hydra, names: targets },
    class_path: { by: "Lightning's command line imports and calls", names: targets },
    "py/object": { by: jsonpickle, names: targets },
    "py/reduce": { by: jsonpickle, names: (value) => ["a call", ...textsIn(value)].slice(0, 1) },
    "py/function": { by: jsonpickle, names: targets },
    "py/type": { by: jsonpickle, names: targets },
    "py/repr": { by: jsonpickle, names: textsIn },
  }),
);

function kernels(): string {
  return "transformers downloads from the Hub as compiled kernels and loads";
}

/** Code that a JSON value names, under whatever keys it lies. */
export function settingsCode(root: JsonValue): readonly NamedCode[] {
  const found: NamedCode[] = [];
  const queue: JsonValue[] = [root];
  for (let at = 0; at < Math.min(queue.length, maxValues); at++) {
    const value = queue[at];
    if (isJsonArray(value)) push(queue, value);
    if (!isJsonObject(value)) continue;
    for (const [key, member] of value) {
      const rule = rules.get(key);
      for (const name of rule?.names(member, value) ?? []) found.push({ name, key, by: rule?.by ?? "" });
    }
    found.push(...kerasCode(value));
    push(queue, value.values());
  }
  return found;
}

function push(queue: JsonValue[], values: Iterable<JsonValue>): void {
  for (const value of values) {
    if (queue.length >= maxValues) return;
    if (typeof value === "object" && value !== null) queue.push(value);
  }
}

/** All texts of a text, a list, or a mapping. */
function textsIn(value: JsonValue): readonly string[] {
  if (typeof value === "string") return value === "" ? [] : [value];
  if (isJsonArray(value)) return value.slice(0, 100).flatMap(textsIn);
  return isJsonObject(value) ? [...value.values()].slice(0, 100).flatMap(textsIn) : [];
}

function membersNamed(value: JsonValue, key: string): readonly string[] {
  if (!isJsonObject(value)) return [];
  return [...value.values()].flatMap((each) => (isJsonObject(each) ? textsIn(each.get(key) ?? null) : []));
}

/** `org/repository` or `org/repository:function`: plain names are transformers' own ways to compute attention. */
function repositoriesIn(value: JsonValue): readonly string[] {
  return textsIn(value).filter((text) => text.includes("/"));
}

/** PEFT imports `parent_library` and takes `base_model_class` from it. */
function parentLibrary(value: JsonValue): readonly string[] {
  if (!isJsonObject(value)) return [];
  const [library = ""] = textsIn(value.get("parent_library") ?? null);
  const [model = ""] = textsIn(value.get("base_model_class") ?? null);
  if (library === "" || /^(?:transformers|diffusers|peft|torch|timm)(?:\.|$)|^__main__$/.test(library))
    return [];
  return [`${library}.${model}`];
}

function targets(value: JsonValue): readonly string[] {
  return textsIn(value).filter(isUnexpectedTarget);
}

/** A class of a library that is known to build models, or one that only holds data, is what such a key is for. */
export function isUnexpectedTarget(name: string): boolean {
  return isDangerousName(name) || !(ownClasses.test(name) || isHarmlessName(name));
}

/** `model_index.json` of diffusers: each component is a library and a class; a library of another name is a file or a package. */
export function pipelineCode(root: JsonValue): readonly NamedCode[] {
  if (!isJsonObject(root)) return [];
  const found: NamedCode[] = [];
  const by = "diffusers imports with trust_remote_code, and runs";
  for (const [key, value] of root) {
    const [library, name] = isJsonArray(value) ? value : [];
    if (typeof library !== "string" || typeof name !== "string") continue;
    if (key !== "_class_name" && /^(?:diffusers|transformers|optimum|onnxruntime|peft)(?:\.|$)/.test(library))
      continue;
    if (key !== "_class_name" && ownPipelines.test(library)) continue;
    found.push({ name: `${library}.${name}`, key, by });
  }
  return found;
}

/** Folders of `diffusers.pipelines`, by which older pipelines name their safety checkers and encoders. */
const ownPipelines =
  /^(?:\w*diffusion\w*|\w*diffuser\w*|paint_by_example|deepfloyd_if|kandinsky\w*|wuerstchen|shap_e|blip_\w+|pixart\w*|audioldm\w*|musicldm|controlnet\w*)$/;

/** `modules.json` of sentence-transformers: a list whose `type`s are imported. */
export function sentenceModules(root: JsonValue): readonly NamedCode[] {
  if (!isJsonArray(root)) return [];
  return root
    .flatMap((each) => (isJsonObject(each) && each.has("path") ? textsIn(each.get("type") ?? null) : []))
    .filter((name) => !/^sentence_transformers\.(?:\w+\.)*\w+$/.test(name) || isDangerousName(name))
    .map((name) => ({ name, key: "type", by: "sentence-transformers imports and makes" }));
}
