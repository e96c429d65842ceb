import { modulePath } from "../adapter/loraKey";
import type { LoraModule } from "../adapter/loraModule";
import type { Problem } from "../problem/problem";
import type { CheckpointSession } from "../session/checkpointSession";
import type { Tensor } from "../tensors/tensor";
import { plural } from "../text/quantities";
import { fits } from "./baseWeights";

/** Places of the same decoder: transformers moved it when it took multimodal models apart. */
const nestings: readonly string[] = [
  "model.",
  "model.language_model.",
  "language_model.model.",
  "language_model.",
  "",
];

const plainDtypes: ReadonlySet<string> = new Set(["F64", "F32", "F16", "BF16"]);

/**
 * Whether a loader finds the modules of an adapter in a base model, by names and shapes alone. Judged for PEFT's
 * names, which are the base's own; other programs translate names as they load.
 */
export function fitFindings(adapter: CheckpointSession, base: CheckpointSession): readonly Problem[] {
  const found = adapter.adapter;
  const { tensors, format, name } = base.checkpoint;
  if (found === undefined || found.dialect !== "peft" || found.modules.length === 0) return [];
  if (found.carriesModel || format === "gguf" || tensors.length === 0) return [];
  const weights = new Map(tensors.map((tensor) => [weightPath(tensor.name), tensor]));
  const where = base.checkpoint.folder.split(/[\\/]/).at(-1) ?? name;
  const missing = found.modules.filter(({ module }) => find(weights, plainPath(module)) === undefined);
  return [
    ...missingModules(found.modules, missing, weights, where),
    ...misfits(found.modules, weights, where),
    ...vocabulary(found.savedTensors, tensors, where),
  ];
}

/** Parts of fused layers and experts are listed with the part behind the path. */
function plainPath(module: string): string {
  return module.replace(/ \(.*\)$/, "").replace(/(?:\.base_layer)+$/, "");
}

function weightPath(name: string): string {
  return modulePath(name).replace(/\.(?:weight|qweight|weight_packed)$/, "");
}

/** Names of the classes that transformers puts in front of a model, or takes away, as it loads. */
const classPrefixes: readonly string[] = [
  "model",
  "transformer",
  "bert",
  "roberta",
  "distilbert",
  "deberta",
  "electra",
  "gpt_neox",
  "vit",
  "encoder",
  "backbone",
];

/** As loaders do it: `transformer.` or `model.` in front may be the class that wraps the saved model. */
function find(weights: ReadonlyMap<string, Tensor>, path: string): Tensor | undefined {
  const exact = weights.get(path) ?? weights.get(path.slice(path.indexOf(".") + 1));
  if (exact !== undefined) return exact;
  for (const prefix of classPrefixes) {
    const wrapped = weights.get(`${prefix}.${path}`);
    if (wrapped !== undefined) return wrapped;
  }
  return undefined;
}

function missingModules(
  modules: readonly LoraModule[],
  missing: readonly LoraModule[],
  weights: ReadonlyMap<string, Tensor>,
  base: string,
): readonly Problem[] {
  const [first] = missing;
  if (first === undefined) return [];
  const count = plural(modules.length, "module");
  const rename = renameFor(modules, weights);
  const fact =
    missing.length === modules.length
      ? `The adapter fits none of the ${count} of its base ${base}: none of its names is there`
      : `${missing.length} of ${count} are not in the base ${base}`;
  const offer =
    rename === undefined
      ? ". Is it the right base?"
      : `. With "${rename.to}" in place of "${rename.from}" all ${modules.length} would fit: the names were written by another version or class of the model.`;
  const message = `${fact}, e.g. ${first.module}${offer}`;
  // A multimodal file of older names is loaded under the newer ones.
  const isRenamedOnLoad = rename?.from.includes("language_model") === true;
  const isError = missing.length === modules.length && !isRenamedOnLoad;
  return [{ severity: isError ? "error" : "warning", code: "BaseModulesMissing", message }];
}

/** The nesting that would make every module fit. */
function renameFor(modules: readonly LoraModule[], weights: ReadonlyMap<string, Tensor>) {
  for (const from of nestings) {
    if (!modules.every(({ module }) => module.startsWith(from))) continue;
    for (const to of nestings) {
      if (from === to) continue;
      const renamed = ({ module }: LoraModule) => weights.has(to + plainPath(module).slice(from.length));
      if (modules.every(renamed)) return { from, to };
    }
  }
  return undefined;
}

function misfits(
  modules: readonly LoraModule[],
  weights: ReadonlyMap<string, Tensor>,
  base: string,
): readonly Problem[] {
  const wrong = modules.filter((module) => {
    const weight = find(weights, plainPath(module.module));
    if (weight === undefined || module.layout === "experts" || plainPath(module.module) !== module.module)
      return false;
    return plainDtypes.has(weight.dtype) && weight.shape.length > 1 && !fits(module, weight);
  });
  const [first] = wrong;
  if (first === undefined) return [];
  const shape = find(weights, plainPath(first.module))?.shape.join(" × ");
  const message = `${plural(wrong.length, "module")} of ${modules.length} ${wrong.length === 1 ? "has" : "have"} another shape than the weight of the base ${base}: ${first.module} changes ${first.outFeatures} × ${first.inFeatures}, the weight is ${shape}.`;
  return [{ severity: "error", code: "BaseShapes", message }];
}

/** Embeddings that were saved whole have the rows of the vocabulary that was trained with. */
function vocabulary(saved: readonly Tensor[], tensors: readonly Tensor[], base: string): readonly Problem[] {
  const last = /(?:^|\.)(embed_tokens|lm_head|wte)\.(?:modules_to_save\.(?:\w+\.)?)?weight$/;
  const rowsOf = new Map(
    tensors.flatMap(({ name, shape }) => (last.test(name) ? [[last.exec(name)?.[1], shape[0]]] : [])),
  );
  return saved.flatMap(({ name, shape }): Problem[] => {
    const rows = rowsOf.get(last.exec(name)?.[1]);
    if (rows === undefined || rows === shape[0]) return [];
    const message = `${name} has ${shape[0]} rows, the base ${base} ${rows}: resize the base's embeddings to ${shape[0]} before the adapter is loaded.`;
    return [{ severity: "warning", code: "BaseVocabulary", message, tensor: name }];
  });
}
