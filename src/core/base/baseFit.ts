import type { AdapterConfig } from "../adapter/adapterConfig";
import { modulePath } from "../adapter/loraKey";
import type { LoraModule } from "../adapter/loraModule";
import { methodName, modulesBelow } from "../adapter/methods/methodTable";
import { matchesNothing } from "../health/peftNames";
import { findNameRule, type NameRule, renamed } from "../names/nameRule";
import { savedNames } from "../names/savedNames";
import type { Problem } from "../problem/problem";
import type { CheckpointSession } from "../session/checkpointSession";
import type { Tensor } from "../tensors/tensor";
import { plural } from "../text/quantities";
import { baseTransforms } from "./baseTransforms";
import { BaseWeights, fits, inputEmbedding, nameOfBase } from "./baseWeights";
import { hasNamesOfPeft } from "./fitByNames";
import { areWidthsKnown, misfitWidths } from "./misfitWidths";
import { moduleOfBase } from "./replicatedLayers";
import { firstExpert, fitsExperts, fusedShape, rowsOfExpert, singleExperts } from "./singleExperts";
import { type PlacedModule, unadaptedModules } from "./unadaptedModules";

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
  const { tensors } = base.checkpoint;
  const modules = modulesOf(adapter);
  if (found === undefined || modules.length === 0 || !isJudged(adapter, base)) return [];
  const byPath = new Map(tensors.map((tensor) => [weightPath(tensor.name), tensor]));
  const task = adapter.adapterConfig?.taskType;
  const weights: PeftWeights = {
    byPath,
    isBareMeant: task === undefined || task === bareTask,
    layerRanges: adapter.adapterConfig?.layerRanges,
  };
  const where = nameOfBase(base.checkpoint);
  const containers = containersOf(byPath);
  const hasExperts = found.modules.some(({ module }) => module.includes(".experts"));
  const byAnyName = new BaseWeights(hasExperts ? tensors : []);
  const findByAnyName = (path: string) => byAnyName.find(path);
  const inFused = new Set<Named>(
    found.modules.filter((each) => rowsOfExpert(each, findByAnyName) !== undefined),
  );
  const placed: PlacedModule[] = [];
  const missing = modules.filter((each) => {
    if (inFused.has(each)) return false;
    const module = plainPath(each.module);
    // Experts are parameters of one module, by whatever name each file keeps them.
    if (each.layout === "experts" && containers.has(expertsPath(module))) return false;
    const weight = find(weights, module);
    if (weight !== undefined) placed.push({ module, path: weightPath(weight.name) });
    return weight === undefined;
  });
  const rename = renameFor(missing, byPath);
  const isRenamed = isRenamedOnLoad(rename, byPath);
  if (isRenamed)
    for (const module of missing.map((each) => plainPath(each.module)))
      placed.push({ module, path: renamed(module, rename) });
  return [
    ...missingModules(modules, missing, { rename, isRenamed }, where),
    ...(missing.length > 0 && !isRenamed ? [] : unadaptedModules(adapter, base, placed)),
    ...misfits(found.modules, weights, where),
    ...misfitExperts(found.modules, byAnyName, where),
    ...fusedInBase(inFused.size, modules.length, where),
    ...misfitWidths(adapter, (path) => find(weights, plainPath(path)), where),
    ...vocabulary(found.savedTensors, tensors, where),
    ...trainedTokens(adapter.adapterConfig?.trainableTokens ?? [], tensors, where),
  ];
}

/** The same for who loads the adapter, in words also where all is well; nothing of what is not judged. */
export function fitForPeft(adapter: CheckpointSession, base: CheckpointSession): readonly Problem[] {
  const found = fitFindings(adapter, base);
  const modules = modulesOf(adapter);
  const [first] = modules;
  if (found.length > 0 || first === undefined || !isJudged(adapter, base)) return found;
  const where = nameOfBase(base.checkpoint);
  const all = modules.length === 1 ? "it" : `all ${modules.length}`;
  if (matchesNothing(adapter)) {
    const message = `The adapter fits none of the ${plural(modules.length, "module")} of its base ${where} as its names stand: with those that PEFT writes ${all} would fit, e.g. base_model.model.${first.module}.`;
    return [{ severity: "error", code: "BaseModulesMissing", message }];
  }
  const how = areWidthsKnown(adapter)
    ? "by name and, where its weights are not quantised, by shape"
    : `by name; what shapes ${methodName(adapter.adapter?.method ?? "")} asks for was not looked at`;
  const isTied =
    modules.some(({ module }) => module === "lm_head") &&
    !base.checkpoint.tensors.some(({ name }) => /(?:^|\.)lm_head\./.test(name));
  const head = isTied
    ? " Its output head is its embedding (tied), and the adapter changes lm_head alone: a merge has to untie them, as `merge` does; programs that keep them tied change the embedding too, or leave the head's update out."
    : "";
  const message = `${modules.length === 1 ? "The adapter's one module is" : `All ${modules.length} modules are`} in the base ${where}, ${how}.${head}`;
  return [{ severity: "info", code: "BaseFits", message }];
}

function modulesOf(adapter: CheckpointSession): readonly Named[] {
  const known = [...(adapter.adapter?.modules ?? []), ...baseTransforms(adapter)];
  return known.length > 0 ? known : modulesOfMethod(adapter);
}

/** Methods of PEFT's that train no weight's module of their own, or something beside one. */
const placeless: ReadonlySet<string> = new Set(["XLORA", "SHADOW", "BOTTLENECK", "TRAINABLE_TOKENS", "FULL"]);

function modulesOfMethod({ adapter }: CheckpointSession): readonly Named[] {
  if (adapter === undefined || placeless.has(adapter.method)) return [];
  const paths = modulesBelow(
    adapter.method,
    adapter.otherTensors.map(({ name }) => name),
  );
  return paths.flatMap((path) => {
    const module = modulePath(path).replace(/\.$/, "");
    return /^(?:base_model)?$/.test(module) ? [] : [{ module }];
  });
}

function isJudged(
  { adapter, checkpoint: own }: CheckpointSession,
  { checkpoint }: CheckpointSession,
): boolean {
  if (!hasNamesOfPeft(adapter, own) || adapter?.carriesModel !== false) return false;
  return checkpoint.format !== "gguf" && checkpoint.tensors.length > 0;
}

type Named = Pick<LoraModule, "module"> & { readonly layout?: LoraModule["layout"] };

/** Modules that hold others, without numbers. */
function containersOf(weights: ReadonlyMap<string, Tensor>): ReadonlySet<string> {
  const paths = [...weights.keys()].flatMap((path) => /^(.*\.experts)\./.exec(path)?.[1] ?? []);
  // Mixtral's files keep the module that transformers 5 calls mlp.
  return new Set(paths.flatMap((path) => [path, path.replace(".block_sparse_moe.", ".mlp.")]));
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

/** What no loader takes away: parts of larger models, and wrappers. */
const keptPrefix = /^(?:language_model|text_model|vision_tower|visual|module|base_model)\./;

/** What PEFT calls a task of the bare network, whose modules are named without the class around it. */
const bareTask = "FEATURE_EXTRACTION";

interface PeftWeights {
  readonly byPath: ReadonlyMap<string, Tensor>;
  /** Whether the adapter may have been trained on the network that stands in the base under its class's name. */
  readonly isBareMeant: boolean;
  readonly layerRanges: AdapterConfig["layerRanges"] | undefined;
}

/** As loaders do it: `transformer.` or `model.` in front may be the class that wraps the saved model. */
function find({ byPath, isBareMeant, layerRanges }: PeftWeights, module: string): Tensor | undefined {
  const path = moduleOfBase(module, layerRanges);
  const exact = byPath.get(path);
  if (exact !== undefined) return exact;
  if (!keptPrefix.test(path)) {
    const bare = byPath.get(path.slice(path.indexOf(".") + 1));
    if (bare !== undefined) return bare;
  }
  for (const prefix of isBareMeant ? classPrefixes : []) {
    const wrapped = byPath.get(`${prefix}.${path}`);
    if (wrapped !== undefined) return wrapped;
  }
  const saved = savedNames(path).find((name) => byPath.has(name));
  if (saved !== undefined) return byPath.get(saved);
  // A head that is tied to the embedding is in no file of its own.
  return path === "lm_head" ? tiedTo(byPath) : undefined;
}

function tiedTo(weights: ReadonlyMap<string, Tensor>): Tensor | undefined {
  for (const [path, tensor] of weights) if (inputEmbedding.test(path)) return tensor;
  return undefined;
}

function missingModules(
  modules: readonly Named[],
  missing: readonly Named[],
  { rename, isRenamed }: { readonly rename: NameRule | undefined; readonly isRenamed: boolean },
  base: string,
): readonly Problem[] {
  const [first] = missing;
  if (first === undefined) return [];
  const count = plural(modules.length, "module");
  if (rename !== undefined && isRenamed) {
    const message = `The base ${base} has the names of its file: transformers loads "${rename.add}" as "${rename.strip}", under which ${plural(missing.length, "module")} of ${modules.length} ${missing.length === 1 ? "is" : "are"} there.`;
    return [{ severity: "info", code: "BaseNamesOfFile", message }];
  }
  const fact =
    missing.length < modules.length
      ? `${missing.length} of ${count} are not in the base ${base}`
      : modules.length === 1
        ? `The adapter's one module is not in its base ${base}`
        : `The adapter fits none of the ${count} of its base ${base}: none of its names is there`;
  const offer =
    rename === undefined
      ? ". Is it the right base?"
      : `. ${renameText(rename)} ${missing.length === 1 ? "it" : `all ${missing.length}`} would fit: the names were written by another version or class of the model.`;
  const message = `${fact}, e.g. ${first.module}${offer}`;
  const severity = missing.length === modules.length ? "error" : "warning";
  return [{ severity, code: "BaseModulesMissing", message }];
}

function renameText({ strip, add }: NameRule): string {
  if (strip === "") return `With "${add}" in front`;
  return add === "" ? `Without "${strip}" in front` : `With "${add}" in place of "${strip}"`;
}

/** A multimodal file of older names is loaded under the newer ones, which the adapter then fits. */
function isRenamedOnLoad(
  rename: NameRule | undefined,
  weights: ReadonlyMap<string, Tensor>,
): rename is NameRule {
  if (rename?.strip !== "model.language_model.") return false;
  const isMultimodal = [...weights.keys()].some((path) =>
    /^(?:visual|vision_tower|vision_model)\./.test(path),
  );
  return rename.add === "language_model.model." || (rename.add === "model." && isMultimodal);
}

/** What would make every module fit: another nesting, or what a wrapper put in front. */
function renameFor(modules: readonly Named[], weights: ReadonlyMap<string, Tensor>): NameRule | undefined {
  if (modules.length === 0) return undefined;
  const paths = modules.map(({ module }) => plainPath(module));
  const makesFit = (rule: NameRule) =>
    paths.every((path) => path.startsWith(rule.strip) && weights.has(renamed(path, rule)));
  for (const strip of nestings) {
    const add = nestings.find((to) => to !== strip && makesFit({ strip, add: to }));
    if (add !== undefined) return { strip, add };
  }
  const rule = findNameRule(paths, new Set(weights.keys()));
  return makesFit(rule) ? rule : undefined;
}

/** QALoRA as PEFT makes it over a layer that is not GPTQ's: a LoRA over each input. */
function asPlainLora(module: LoraModule): LoraModule {
  if (module.layout !== "pooled") return module;
  return { ...module, layout: "linear", inFeatures: module.inFeatures / (module.groupSize ?? 1) };
}

function misfits(modules: readonly LoraModule[], weights: PeftWeights, base: string): readonly Problem[] {
  const wrong = modules.filter((module) => {
    const weight = find(weights, plainPath(module.module));
    if (weight === undefined || module.layout === "experts" || plainPath(module.module) !== module.module)
      return false;
    return (
      plainDtypes.has(weight.dtype) &&
      weight.shape.length > 1 &&
      !fits(module, weight) &&
      !fits(asPlainLora(module), weight)
    );
  });
  const [first] = wrong;
  if (first === undefined) return [];
  const shape = find(weights, plainPath(first.module))?.shape.join(" × ");
  const message = `${plural(wrong.length, "module")} of ${modules.length} ${wrong.length === 1 ? "has" : "have"} another shape than the weight of the base ${base}: ${first.module} changes ${first.outFeatures} × ${first.inFeatures}, the weight is ${shape}.`;
  return [{ severity: "error", code: "BaseShapes", message }];
}

function fusedInBase(count: number, all: number, base: string): readonly Problem[] {
  if (count === 0) return [];
  const message = `${plural(count, "module")} of ${all} ${count === 1 ? "is" : "are"} those of single experts, which the base ${base} keeps in one tensor a layer, as transformers 5 does: a loader must convert the names, or finds none of them. \`merge\` does.`;
  return [{ severity: "warning", code: "BaseExpertsFused", message }];
}

/** Experts of another number or shape, however the base keeps them. */
function misfitExperts(
  modules: readonly LoraModule[],
  weights: BaseWeights,
  base: string,
): readonly Problem[] {
  const findWeight = (path: string) => weights.find(path);
  const wrong = modules.flatMap((module) => {
    if (module.layout !== "experts" || module.experts?.count === undefined) return [];
    const fused = findWeight(module.module);
    const weight = fused ?? firstExpert(module, findWeight);
    if (weight === undefined || !plainDtypes.has(weight.dtype)) return [];
    const [single] = fused === undefined ? (singleExperts(module, findWeight) ?? []) : [];
    const shape = single === undefined ? fused?.shape : fusedShape(module, single);
    if (shape !== undefined && (shape.length !== 3 || fitsExperts(module, shape))) return [];
    return [{ module, found: shape?.join(" × ") ?? "another number of experts, or of several shapes" }];
  });
  const [first] = wrong;
  if (first === undefined) return [];
  const { module, outFeatures, inFeatures, experts } = first.module;
  const message = `${plural(wrong.length, "module")} of experts ${wrong.length === 1 ? "fits" : "fit"} no weight of the base ${base}: ${module} changes ${experts?.count} experts of ${outFeatures} × ${inFeatures}, the base has ${first.found}.`;
  return [{ severity: "error", code: "BaseShapes", message }];
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
