import { elementCount, type Tensor } from "../tensors/tensor";
import type { AdapterConfig } from "./adapterConfig";
import { incomplete, lacksMatrix } from "./composedFactors";
import type { ComposedMethod } from "./composedKey";
import type { FactorLayout } from "./factorLayout";

/** The tensors that an update is made of where it is none of B·A, by what their names say below the method's word. */
export interface MadeParts {
  readonly tensors: ReadonlyMap<string, Tensor>;
  /** Those that stand once in the file for all modules: VeRA's random matrices, VB-LoRA's bank. */
  readonly shared: ReadonlyMap<string, Tensor>;
  /** Vectors of the bank that VB-LoRA mixes. */
  readonly topk?: number;
}

export interface MadeLayout extends FactorLayout {
  readonly made: MadeParts;
  /** The rank that alpha is divided by, for the one method that has an alpha. */
  readonly scaleRank?: number;
}

export interface MadeGroup {
  readonly module: string;
  readonly method: ComposedMethod;
  readonly tensors: ReadonlyMap<string, Tensor>;
}

/** What of the rest of the file and its configuration a module needs. */
export interface MadeContext {
  readonly shared: ReadonlyMap<string, Tensor>;
  readonly config: AdapterConfig | undefined;
  /** See `inputsOfVera`. */
  readonly inputsOfVera: number | undefined;
}

/** PEFT's default of VBLoRAConfig.topk. */
const defaultTopk = 2;

/** How the update of a module is made, or why it cannot be, as the end of a sentence that begins with the method's name. */
export function madeLayout({ method, tensors }: MadeGroup, context: MadeContext): MadeLayout | string {
  const { shared, config } = context;
  const made = { tensors, shared };
  if (method === "GRALORA") return grains(made) ?? incomplete;
  if (method === "DELORA") return normalised(made);
  if (method === "VBLORA") return bank({ ...made, topk: config?.topk ?? defaultTopk }) ?? incomplete;
  if (method === "VERA") return scaledRandom(made, context.inputsOfVera);
  return circulant(made) ?? incomplete;
}

const needed: Readonly<Partial<Record<ComposedMethod, readonly string[]>>> = {
  GRALORA: ["A", "B"],
  DELORA: ["A", "B", "lambda"],
  VERA: ["lambda_b", "lambda_d"],
};

/** Whether a tensor is missing without which the others are nothing; what a file may leave out does not count. */
export function lacksPart({ method, tensors }: MadeGroup): boolean {
  if (method === "LOHA" || method === "LOKR") return lacksMatrix(tensors);
  return needed[method]?.some((role) => !tensors.has(role)) ?? false;
}

/** A [N, in/N, r] and B [N, r, out/N], and where `hybrid_r` is set two plain factors. */
function grains(made: MadeParts): MadeLayout | undefined {
  const { tensors } = made;
  const [count, inputs, rank, ...moreOfA] = tensors.get("A")?.shape ?? [];
  const [countOfB, rankOfB, outputs, ...moreOfB] = tensors.get("B")?.shape ?? [];
  if (count === undefined || inputs === undefined || rank === undefined || outputs === undefined)
    return undefined;
  if (countOfB !== count || rankOfB !== rank || rank % count !== 0 || moreOfA.length + moreOfB.length > 0)
    return undefined;
  const [hybrid = 0] = tensors.get("A_general")?.shape ?? [];
  if ((tensors.get("B_general")?.shape[1] ?? 0) !== hybrid) return undefined;
  return {
    layout: "grains",
    rank: count * rank + hybrid,
    inFeatures: count * inputs,
    outFeatures: count * outputs,
    scaleRank: rank + hybrid,
    made,
  };
}

/** A [r, in], B [out, r], their strength λ [1] and the norms of the base's columns [in]. */
function normalised(made: MadeParts): MadeLayout | string {
  const { tensors } = made;
  const [rank, inFeatures] = tensors.get("A")?.shape ?? [];
  const [outFeatures, rankOfB] = tensors.get("B")?.shape ?? [];
  if (rank === undefined || inFeatures === undefined || outFeatures === undefined || rankOfB !== rank)
    return incomplete;
  const norms = tensors.get("w_norm");
  if (norms === undefined)
    return "scales its factors by the norms of the base's columns, and this file holds none (delora_w_norm)";
  if (!tensors.has("lambda") || elementCount(norms.shape) !== inFeatures) return incomplete;
  return { layout: "normalised", rank, inFeatures, outFeatures, made };
}

/** Logits [r, in/length, vectors] and [out/length, r, vectors], or the largest ones' places and weights. */
function bank(made: MadeParts): MadeLayout | undefined {
  const { tensors, shared } = made;
  const [, length] = shared.get("vector_bank")?.shape ?? [];
  const logits = (factor: string) =>
    (tensors.get(`logits_${factor}`) ?? tensors.get(`logits_${factor}_topk_indices`))?.shape ?? [];
  const [rank, tilesIn] = logits("A");
  const [tilesOut, rankOfB] = logits("B");
  if (length === undefined || rank === undefined || tilesIn === undefined || tilesOut === undefined)
    return undefined;
  if (rankOfB !== rank) return undefined;
  return { layout: "bank", rank, inFeatures: tilesIn * length, outFeatures: tilesOut * length, made };
}

function scaledRandom(made: MadeParts, inFeatures: number | undefined): MadeLayout | string {
  const { tensors, shared } = made;
  const [rank] = tensors.get("lambda_d")?.shape ?? [];
  const [outFeatures] = tensors.get("lambda_b")?.shape ?? [];
  const [a, b] = [shared.get("A"), shared.get("B")];
  if (rank === undefined || outFeatures === undefined) return incomplete;
  if (a === undefined || b === undefined)
    return "keeps only scaling vectors; the random matrices between them are not in this file (they are drawn from projection_prng_key; save_projection keeps them)";
  if (inFeatures === undefined)
    return "uses of its shared matrix as many columns as a module has inputs, which differ among these modules and stand in the base model alone";
  if (a.shape[0] !== rank || b.shape[1] !== rank || (b.shape[0] ?? 0) < outFeatures) return incomplete;
  return { layout: "scaledRandom", rank, inFeatures, outFeatures, made };
}

/** What reads the hidden state of a layer, so that all of them have the same number of inputs. */
const readsHidden =
  /(?:^|\.)(?:[qkv]_proj|qkv_proj|query|key|value|query_key_value|c_attn|Wqkv|gate_proj|up_proj)$/;

/**
 * The inputs of VeRA's modules, where all have the same: A is as wide as the widest of them, and each uses the first
 * columns. Modules of one name and one number of outputs, or that read one hidden state, have one number of inputs.
 */
export function inputsOfVera(
  groups: readonly MadeGroup[],
  shared: ReadonlyMap<string, Tensor>,
): number | undefined {
  const outputs = new Map<string, number>();
  for (const { module, method, tensors } of groups) {
    const count = tensors.get("lambda_b")?.shape[0];
    if (method !== "VERA" || count === undefined) continue;
    const name = module.slice(module.lastIndexOf(".") + 1);
    if ((outputs.get(name) ?? count) !== count) return undefined;
    outputs.set(name, count);
  }
  const isOne = outputs.size === 1 || [...outputs.keys()].every((name) => readsHidden.test(name));
  return isOne ? shared.get("A")?.shape[1] : undefined;
}

/** Blocks [out/b, in/b, b], each filled by the shifts of one vector. */
function circulant(made: MadeParts): MadeLayout | undefined {
  const [down, across, size, ...rest] = made.tensors.get("kernel")?.shape ?? [];
  if (down === undefined || across === undefined || size === undefined || rest.length > 0) return undefined;
  const [outFeatures, inFeatures] = [down * size, across * size];
  return { layout: "circulant", rank: Math.min(outFeatures, inFeatures), inFeatures, outFeatures, made };
}
