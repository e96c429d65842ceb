import type { Adapter } from "../adapter/adapter";
import { dialectNamed } from "../adapter/dialects/dialectTable";
import { hasSmallFactors, type LoraLayout } from "../adapter/factorLayout";
import { modulePath } from "../adapter/loraKey";
import { type LoraModule, storedTensors } from "../adapter/loraModule";
import { whyNoFactors } from "../adapter/methods/methodTable";
import { baseChangedBy, isToldByStart } from "../adapter/modifiedBase";
import type { CheckpointSession } from "../session/checkpointSession";
import type { Tensor } from "../tensors/tensor";
import { plural } from "../text/quantities";
import { assumedScale } from "./assumedScale";
import { hasConvName, mayHideKernel } from "./outputForm";
import { isFolderFormat, outputFormatFor } from "./outputNames";

const noFactors = "It holds no factors of a product B·A, so there is no rank to reduce.";

/** Why factors of a layout cannot be written at another rank as what they are, as the end of a sentence. */
const unwritable: Readonly<Partial<Record<LoraLayout, string>>> = {
  experts:
    "holds one update for each expert, and no rule reduces them one by one and writes them as they were",
  pooled: "averages its inputs by groups (QALoRA), and its factors of another rank would not fit them",
  blocks: "has block-diagonal factors, which a truncation does not keep",
  slice: "shares one pair of factors with other parts of a fused layer",
  transposed:
    "has its factors stored transposed, so that what should load them does not. Save them the right way round first",
};

/**
 * Why a checkpoint cannot be reduced, as far as its names and shapes tell; undefined where it can be. Whatever
 * cannot be carried over exactly is refused: an adapter without a part of itself is another adapter.
 */
export function reductionProblem({
  adapter,
  adapterConfig,
  checkpoint,
}: CheckpointSession): string | undefined {
  if (adapter === undefined) return noFactors;
  const isFolder = isFolderFormat(outputFormatFor(adapter, adapterConfig));
  return (
    wholeProblem(adapter) ??
    moduleProblem(adapter, isFolder) ??
    leftBehind(adapter, checkpoint.tensors) ??
    // The result gets a configuration, which would say a scale that nobody knows; other dialects stay as they are.
    (isFolder ? assumedScale(adapter) : undefined)
  );
}

function wholeProblem(adapter: Adapter): string | undefined {
  const { modules, unpaired, frozenTensors } = adapter;
  if (unpaired.length > 0) {
    const [first] = unpaired;
    return `${plural(unpaired.length, "factor has", "factors have")} no partner, e.g. ${first?.name}: the updates of their modules are not known and would be lost.`;
  }
  if (modules.length === 0)
    return adapter.otherTensors.length === 0
      ? noFactors
      : `There is no rank to reduce: ${whyNoFactors(adapter.method)}`;
  if (adapter.carriesModel)
    return "It is a model that carries its adapters unmerged, and no adapter. Save the adapter by itself first.";
  const foreign = frozenTensors.filter((tensor) => !isUnderFactors(tensor, modules));
  if (foreign[0] !== undefined)
    return `It holds ${plural(foreign.length, "copy", "copies")} of base weights that were not trained, e.g. ${foreign[0].name}. Save the adapter by itself first.`;
  const changedBy = baseChangedBy(undefined, modules);
  if (changedBy !== undefined && !isToldByStart(changedBy))
    return `${changedBy} took the smallest singular directions out of each base weight as it was loaded, as many as the rank. No file holds that base, and over the plain one the reduced adapter would be another.`;
  const dialect = dialectNamed(adapter.dialect);
  if (dialect !== undefined && dialect.writtenAs === undefined)
    return `Adapters of ${dialect.name} are read but not written. Reduce the adapter that it was converted from, or convert it first.`;
  if (new Set(modules.map(({ adapterName }) => adapterName)).size > 1)
    return "The file holds several adapters. Save the one that is meant by itself.";
  return undefined;
}

function moduleProblem({ modules }: Adapter, isFolder: boolean): string | undefined {
  for (const each of modules) {
    const { module, layout, rank } = each;
    const reason = hasSmallFactors(each)
      ? unwritable[layout]
      : `has a rank of up to ${rank}, and its file holds no factors that could be cut`;
    if (reason !== undefined) return `${module} ${reason}.`;
    if (isFolder && mayHideKernel(each) && hasConvName(each))
      return `${module} is a convolution by its name, and this file keeps its kernel among the columns of a matrix: the axes that PEFT needs stand nowhere in it. Merge it into its base, then extract.`;
  }
  return undefined;
}

/** A method's tensors that are applied as they are, whatever the rank of the factors beside them. */
const independent = /\.(?:diff|diff_[bm]|w_norm|b_norm|trainable_tokens_(?:delta|indices))(?:\.[^.]+)?$/;

/** Every tensor of the source is a factor of a reduced module or is copied; what is neither would be lost. */
function leftBehind(adapter: Adapter, tensors: readonly Tensor[]): string | undefined {
  const foreign = adapter.otherTensors.find(({ name }) => !independent.test(name));
  if (foreign !== undefined)
    return `${foreign.name} belongs to an update for whose reduction there is no exact rule.`;
  const part = adapter.savedTensors.find(({ name }) => looksLikeFactor(name));
  if (part !== undefined)
    return `${part.name} looks like a part of an update, but how it is read is not known. What it does would be lost or wrong.`;
  const kept = new Set<Tensor>([...adapter.modules.flatMap(partsOf), ...copiedWhole(adapter)]);
  const lost = tensors.find((tensor) => !kept.has(tensor) && !isSpentNumber(adapter, tensor.name));
  return lost === undefined ? undefined : `${lost.name} would be lost: there is no rule to carry it over.`;
}

/** AdaLoRA's count of components, and the alpha that a LoKr of whole matrices ignores: the result has its own. */
function isSpentNumber({ modules }: Adapter, name: string): boolean {
  if (/\branknum\b/.test(name)) return true;
  const path = modulePath(name.replace(/\.alpha$/, ""));
  return name.endsWith(".alpha") && modules.some(({ module }) => module === path);
}

/** kohya's `lora_unet_` in front says nothing of a tensor. */
function looksLikeFactor(name: string): boolean {
  return /[._](?:lora|lokr|hada)_/i.test(name);
}

/**
 * Whether a copy of a base weight is the one below factors. PEFT saves those of embeddings and heads that it adapts
 * (`save_embedding_layers`), so that they are there in the size that was trained.
 */
function isUnderFactors({ name }: Tensor, modules: readonly LoraModule[]): boolean {
  const path = /^(.*)\.base_layer\.weight$/.exec(name)?.[1];
  return path !== undefined && modules.some(({ module }) => module === modulePath(path));
}

/** Tensors that a reduced adapter keeps byte by byte under their names. */
export function copiedWhole(adapter: Adapter): readonly Tensor[] {
  const { savedTensors, differences, otherTensors, frozenTensors } = adapter;
  return [...savedTensors, ...differences, ...otherTensors, ...frozenTensors];
}

function partsOf(module: LoraModule): readonly Tensor[] {
  const { alphaTensor, magnitude, bias, made } = module;
  return [
    ...storedTensors(module),
    ...(made?.shared.values() ?? []),
    ...[alphaTensor, magnitude, bias].filter((tensor) => tensor !== undefined),
  ];
}
