import { modulePath } from "../adapter/loraKey";
import type { LoraModule } from "../adapter/loraModule";
import type { Problem } from "../problem/problem";
import type { CheckpointSession } from "../session/checkpointSession";
import { elementCount, type Tensor } from "../tensors/tensor";
import { plural } from "../text/quantities";
import { type BaseTransform, baseTransforms } from "./baseTransforms";
import { fits } from "./baseWeights";
import { ia3Change } from "./scalings";

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
  const others = baseTransforms(adapter);
  if (found === undefined || found.dialect !== "peft" || found.modules.length + others.length === 0)
    return [];
  if (found.carriesModel || format === "gguf" || tensors.length === 0) return [];
  const weights = new Map(tensors.map((tensor) => [weightPath(tensor.name), tensor]));
  const where = base.checkpoint.folder.split(/[\\/]/).at(-1) ?? name;
  const containers = containersOf(weights);
  const modules: readonly Named[] = [...found.modules, ...others];
  const missing = modules.filter((each) => {
    const path = plainPath(each.module);
    // Experts are parameters of one module, by whatever name each file keeps them.
    const isThere = each.layout === "experts" && containers.has(expertsPath(path));
    return !isThere && find(weights, path) === undefined;
  });
  return [
    ...missingModules(modules, missing, weights, where),
    ...misfits(found.modules, weights, where),
    ...misfitVectors(others, weights, where),
    ...vocabulary(found.savedTensors, tensors, where),
    ...trainedTokens(adapter.adapterConfig?.trainableTokens ?? [], tensors, where),
  ];
}

type Named = Pick<LoraModule, "module"> & { readonly layout?: LoraModule["layout"] };

/** Modules that hold others, without numbers. */
function containersOf(weights: ReadonlyMap<string, Tensor>): ReadonlySet<string> {
  const paths = [...weights.keys()].flatMap((path) => /^(.*\.experts)\./.exec(path)?.[1] ?? []);
  return new Set(paths);
}

function expertsPath(path: string): string {
  return /^.*\.experts(?=\.|$)/.exec(path)?.[0] ?? path;
}

/** Parts of fused layers and experts are listed with the part behind the path. */
function plainPath(module: string): string {
  return module.replace(/ \(.*\)$/, "").replace(/(?:\.base_layer)+$/, "");
}

function weightPath(name: string): string {
  return modulePath(name).replace(/\.(?:weight|qweight|weight_packed|W_q|codes)$|_blocks$/, "");
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
  // A head that is tied to the embedding is in no file of its own.
  return path === "lm_head" ? tiedTo(weights) : undefined;
}

function tiedTo(weights: ReadonlyMap<string, Tensor>): Tensor | undefined {
  for (const [path, tensor] of weights) if (/(?:^|\.)(?:embed_tokens|wte)$/.test(path)) return tensor;
  return undefined;
}

function missingModules(
  modules: readonly Named[],
  missing: readonly Named[],
  weights: ReadonlyMap<string, Tensor>,
  base: string,
): readonly Problem[] {
  const [first] = missing;
  if (first === undefined) return [];
  const count = plural(modules.length, "module");
  const rename = renameFor(modules, weights);
  const fact =
    missing.length < modules.length
      ? `${missing.length} of ${count} are not in the base ${base}`
      : modules.length === 1
        ? `The adapter's one module is not in its base ${base}`
        : `The adapter fits none of the ${count} of its base ${base}: none of its names is there`;
  const offer =
    rename === undefined
      ? ". Is it the right base?"
      : `. With "${rename.to}" in place of "${rename.from}" ${modules.length === 1 ? "it" : `all ${modules.length}`} would fit: the names were written by another version or class of the model.`;
  const message = `${fact}, e.g. ${first.module}${offer}`;
  const isError = missing.length === modules.length && !isRenamedOnLoad(rename, weights);
  return [{ severity: isError ? "error" : "warning", code: "BaseModulesMissing", message }];
}

/** A multimodal file of older names is loaded under the newer ones, which the adapter then fits. */
function isRenamedOnLoad(
  rename: { readonly from: string; readonly to: string } | undefined,
  weights: ReadonlyMap<string, Tensor>,
): boolean {
  if (rename?.from !== "model.language_model.") return false;
  const isMultimodal = [...weights.keys()].some((path) =>
    /^(?:visual|vision_tower|vision_model)\./.test(path),
  );
  return rename.to === "language_model.model." || (rename.to === "model." && isMultimodal);
}

/** The nesting that would make every module fit. */
function renameFor(modules: readonly Named[], weights: ReadonlyMap<string, Tensor>) {
  for (const from of nestings) {
    if (!modules.every(({ module }) => module.startsWith(from))) continue;
    for (const to of nestings) {
      if (from === to) continue;
      const renamed = ({ module }: Named) => weights.has(to + plainPath(module).slice(from.length));
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

/** A vector of IA³ has a factor for each input or each output of its weight, whichever way round that is stored. */
function misfitVectors(
  transforms: readonly BaseTransform[],
  weights: ReadonlyMap<string, Tensor>,
  base: string,
): readonly Problem[] {
  const wrong = transforms.flatMap(({ module, change, tensors }) => {
    const [vector, weight] = [tensors.get("l"), find(weights, plainPath(module))];
    if (change !== ia3Change || vector === undefined || weight === undefined) return [];
    const isKnown = plainDtypes.has(weight.dtype) && weight.shape.length > 1;
    return !isKnown || weight.shape.includes(elementCount(vector.shape)) ? [] : [{ vector, weight }];
  });
  const [first] = wrong;
  if (first === undefined) return [];
  const { vector, weight } = first;
  const message = `${plural(wrong.length, "vector")} of IA³ ${wrong.length === 1 ? "is" : "are"} of another length than the weight of the base ${base}: ${vector.name} has ${elementCount(vector.shape)} factors, the weight is ${weight.shape.join(" × ")}.`;
  return [{ severity: "error", code: "BaseShapes", message, tensor: vector.name }];
}

/** Rows of the embedding that were trained must be in it. */
function trainedTokens(
  tokens: readonly number[],
  tensors: readonly Tensor[],
  base: string,
): readonly Problem[] {
  const embedding = tensors.find(({ name }) => /(?:^|\.)(?:embed_tokens|wte)\.weight$/.test(name));
  const rows = embedding?.shape[0];
  const highest = tokens.reduce((most, token) => Math.max(most, token), -1);
  if (rows === undefined || highest < rows) return [];
  const message = `The adapter trains row ${highest} of the embedding (trainable_token_indices), which has ${rows} in the base ${base}: resize the base's embeddings before the adapter is loaded.`;
  return [{ severity: "error", code: "BaseVocabulary", message }];
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
