import type { Tensor } from "../tensors/tensor";
import { type ComposedMethod, parseComposedKey, sharedRoles } from "./composedKey";
import { parseLoraKey } from "./dialects/dialectTable";
import { type KeyGrammar, type LoraKey, type LoraRole, modulePath } from "./loraKey";
import { otherMethodOf } from "./methods/methodTable";

/** The tensors of one module, by role. */
export interface PartGroup {
  readonly module: string;
  readonly adapterName: string | undefined;
  /** Of the factors; alphas and magnitudes of every dialect look alike. */
  grammar: KeyGrammar;
  hasWeightSuffix: boolean;
  readonly tensors: Map<LoraRole, Tensor>;
}

export interface AdapterParts {
  /** By module and adapter name, in the order of the file. Each has at least one factor. */
  readonly groups: ReadonlyMap<string, PartGroup>;
  /** What the updates of LoHa, LoKr and other methods are built of, by module. */
  readonly composed: readonly ComposedGroup[];
  /** What those of all modules share: VeRA's random matrices, VB-LoRA's bank. */
  readonly shared: ReadonlyMap<string, Tensor>;
  readonly unpaired: readonly Tensor[];
  readonly saved: readonly Tensor[];
  /** Whole differences that are added to weights, norms and biases: `.diff`, `.diff_b`. */
  readonly differences: readonly Tensor[];
  /** Weights of the base that were not trained: `base_layer`, PEFT's `original_module`. */
  readonly frozen: readonly Tensor[];
  readonly other: readonly Tensor[];
  readonly otherMethod: string | undefined;
}

/** The tensors that one update is built of, other than two factors. */
export interface ComposedGroup {
  readonly module: string;
  readonly method: ComposedMethod;
  readonly tensors: Map<string, Tensor>;
  alpha: Tensor | undefined;
  magnitude: Tensor | undefined;
}

const factorRoles: ReadonlySet<LoraRole> = new Set(["a", "b", "embeddingA", "embeddingB"]);

/** Sorts the tensors of an adapter by what their names say they are. */
export function collectParts(tensors: readonly Tensor[]): AdapterParts {
  const groups = new Map<string, PartGroup>();
  const auxiliary: [Tensor, LoraKey][] = [];
  const unpaired: Tensor[] = [];
  const saved: Tensor[] = [];
  const other: Tensor[] = [];
  const frozen: Tensor[] = [];
  const composed = new Map<string, ComposedGroup>();
  const shared = new Map<string, Tensor>();
  const otherModules = new Set<string>();
  let otherMethod: string | undefined;
  for (const tensor of tensors) {
    if (usedToTrain.test(tensor.name)) continue;
    const key = parseLoraKey(tensor.name);
    const method = key === undefined ? otherMethodOf(tensor.name) : undefined;
    if (key !== undefined && factorRoles.has(key.role)) addFactor(groups, key, tensor, unpaired);
    else if (key !== undefined) auxiliary.push([tensor, key]);
    else if (method === undefined) (frozenName.test(tensor.name) ? frozen : saved).push(tensor);
    else if (!addComposed(composed, shared, tensor)) {
      other.push(tensor);
      otherModules.add(modulePath(tensor.name.slice(0, Math.max(tensor.name.lastIndexOf("."), 0))));
      otherMethod ??= method;
    }
  }
  for (const [tensor, key] of auxiliary) {
    if (addAuxiliary(groups, key, tensor) || addToComposed(composed, key, tensor)) continue;
    if (otherModules.has(key.module)) other.push(tensor);
    else if (isLoraOnly(tensor, key)) unpaired.push(tensor);
    else saved.push(tensor);
  }
  const isDifference = ({ name }: Tensor) => groups.size > 0 && differenceName.test(name);
  return {
    groups,
    composed: [...composed.values()],
    shared,
    unpaired,
    saved: saved.filter((tensor) => !isDifference(tensor)),
    differences: [...saved, ...other].filter(isDifference),
    frozen,
    other: other.filter((tensor) => !isDifference(tensor)),
    otherMethod: other.some((tensor) => !isDifference(tensor)) ? otherMethod : undefined,
  };
}

/**
 * What PEFT's MonteCLoRA samples its factors by and VeLoRA compresses activations by, while they train: both merge, and
 * act, as the plain LoRA beside (tuners/lora/variants.py).
 */
const usedToTrain = /\.lora_(?:monteclora_sampler\.|velora_embed)/;
/** A bias below `base_layer` is saved where it was trained (PEFT's `bias`). */
const frozenName = /\.(?:base_layer|original_module)\.(?!bias$)/;
/** Common words, so they count only in a file that has factors. */
const differenceName = /\.(?:diff|diff_[a-z]|w_norm|b_norm)$/;

function groupId(key: LoraKey): string {
  return `${key.module}\0${key.adapterName ?? ""}`;
}

function addFactor(groups: Map<string, PartGroup>, key: LoraKey, tensor: Tensor, unpaired: Tensor[]): void {
  const id = groupId(key);
  const { module, adapterName, grammar, hasWeightSuffix } = key;
  const group = groups.get(id) ?? { module, adapterName, grammar, hasWeightSuffix, tensors: new Map() };
  groups.set(id, group);
  if (group.tensors.has(key.role)) unpaired.push(tensor);
  else group.tensors.set(key.role, tensor);
}

/** False when its module has no factors, or has a tensor of this role already. */
function addAuxiliary(groups: ReadonlyMap<string, PartGroup>, key: LoraKey, tensor: Tensor): boolean {
  if (key.role === "rankCount") return true;
  const group = groups.get(groupId(key));
  if (group === undefined || group.tensors.has(key.role)) return false;
  group.tensors.set(key.role, tensor);
  return true;
}

function addComposed(
  composed: Map<string, ComposedGroup>,
  shared: Map<string, Tensor>,
  tensor: Tensor,
): boolean {
  const key = parseComposedKey(tensor.name);
  if (key === undefined) return false;
  const { method, role } = key;
  if (sharedRoles.get(method)?.has(role)) {
    if (shared.has(role)) return false;
    shared.set(role, tensor);
    return true;
  }
  const module = modulePath(key.path);
  const group = composed.get(module) ?? {
    module,
    method,
    tensors: new Map(),
    alpha: undefined,
    magnitude: undefined,
  };
  composed.set(module, group);
  if (group.method !== method || group.tensors.has(role)) return false;
  group.tensors.set(role, tensor);
  return true;
}

function addToComposed(composed: ReadonlyMap<string, ComposedGroup>, key: LoraKey, tensor: Tensor): boolean {
  const group = composed.get(key.module);
  if (group === undefined || (key.role !== "alpha" && key.role !== "magnitude")) return false;
  if (group[key.role] !== undefined) return false;
  group[key.role] = tensor;
  return true;
}

/** Whether no ordinary parameter would have this name; `alpha` and `m` alone are common words. */
function isLoraOnly(tensor: Tensor, key: LoraKey): boolean {
  return key.module.startsWith("lora_") || /lora_(?:mid|b|E|diag|magnitude)|dora_scale/i.test(tensor.name);
}
