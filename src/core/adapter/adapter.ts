import type { Problem } from "../problem/problem";
import type { Tensor } from "../tensors/tensor";
import type { AdapterConfig } from "./adapterConfig";
import { isProductMethod } from "./adapterMethod";
import { type AdapterParts, type ComposedGroup, collectParts, type PartGroup } from "./adapterParts";
import { AdapterProblems } from "./adapterProblems";
import { composedLayout } from "./composedFactors";
import {
  embeddingLayout,
  type FactorLayout,
  ggufLayout,
  LayoutError,
  mlxLayout,
  standardLayout,
} from "./factorLayout";
import { modulePath } from "./loraKey";
import type { LoraModule } from "./loraModule";
import { type ScaleRule, ScaleRules } from "./scaleRules";
import { findUnmarkedFactors } from "./unmarkedFactors";

export type AdapterDialect =
  | "peft"
  | "kohya"
  | "diffusers"
  | "comfyui"
  | "mlx"
  | "torchtune"
  | "gguf"
  | "lycoris"
  /** Weights kept as factors: their product is the weight itself, not a change of it. */
  | "svd-factors"
  | "control-lora"
  | "unknown";

/** A LoRA or a relative of it, as the names and shapes of its tensors tell. */
export interface Adapter {
  /** The naming most of its modules follow. */
  readonly dialect: AdapterDialect;
  /** PEFT's word for the method, e.g. `LORA`; LyCORIS's and others' methods are given the same words. */
  readonly method: string;
  /** In the order of the file. Empty for methods whose update is no product of two factors. */
  readonly modules: readonly LoraModule[];
  /** Trained or saved whole beside the factors: `modules_to_save`, embeddings, biases. */
  readonly savedTensors: readonly Tensor[];
  /** Tensors of a method that is not compared, e.g. LoHa's `hada_w1_a`. */
  readonly otherTensors: readonly Tensor[];
  /** Parts of a LoRA that belong to no complete pair. */
  readonly unpaired: readonly Tensor[];
  readonly problems: readonly Problem[];
}

/**
 * Recognises an adapter among `tensors` and pairs its factors, in time linear in their number. Undefined when
 * neither names nor `config` speak of one.
 * @param metadata The file's text metadata (`__metadata__` of safetensors, string values of GGUF).
 */
export function findAdapter(
  tensors: readonly Tensor[],
  config: AdapterConfig | undefined,
  metadata: ReadonlyMap<string, string>,
): Adapter | undefined {
  const method = config?.peftType;
  if (method !== undefined && !isProductMethod(method)) return otherAdapter(tensors, method, config);
  const parts = collectParts(tensors);
  const isLora = parts.groups.size > 0 || parts.composed.length > 0 || parts.otherMethod !== undefined;
  if (!isLora) {
    const unmarked = unmarkedAdapter(tensors);
    if (unmarked !== undefined || method === undefined) return unmarked;
  }
  return new AdapterBuilder(config, metadata).build(parts, method);
}

/** Factors whose names do not speak of LoRA. Their singular values stand between them, so the scale is 1. */
function unmarkedAdapter(tensors: readonly Tensor[]): Adapter | undefined {
  const factors = findUnmarkedFactors(tensors);
  if (factors.length === 0) return undefined;
  const used = new Set(factors.flatMap(({ a, b, diagonal }) => [a, b, diagonal]));
  const isSvd = factors.some(({ family }) => family === "svd");
  const problems = new AdapterProblems();
  if (isSvd) problems.factoredWeights(factors.length);
  return {
    dialect: isSvd ? "svd-factors" : "control-lora",
    method: isSvd ? "SVD" : "LORA",
    modules: factors.map(({ family: _, ...factor }) => ({
      ...factor,
      adapterName: undefined,
      alpha: undefined,
      scale: 1,
      scaleSource: "factors",
      alphaTensor: undefined,
      mid: undefined,
      magnitude: undefined,
      bias: undefined,
    })),
    savedTensors: tensors.filter((tensor) => !used.has(tensor)),
    otherTensors: [],
    unpaired: [],
    problems: problems.list,
  };
}

function otherAdapter(
  tensors: readonly Tensor[],
  method: string,
  config: AdapterConfig | undefined,
): Adapter {
  const saved = new Set(config?.modulesToSave);
  const isSaved = (tensor: Tensor) =>
    saved.size > 0 && tensor.name.split(".").some((part) => saved.has(part));
  const problems = new AdapterProblems();
  problems.notCompared(method);
  return {
    dialect: "peft",
    method,
    modules: [],
    savedTensors: tensors.filter(isSaved),
    otherTensors: tensors.filter((tensor) => !isSaved(tensor)),
    unpaired: [],
    problems: problems.list,
  };
}

class AdapterBuilder {
  private readonly scales: ScaleRules;
  private readonly problems = new AdapterProblems();
  private readonly unpaired: Tensor[] = [];
  private readonly dialects = new Map<AdapterDialect, number>();

  constructor(
    private readonly config: AdapterConfig | undefined,
    metadata: ReadonlyMap<string, string>,
  ) {
    this.scales = new ScaleRules(config, metadata);
  }

  build(parts: AdapterParts, configured: string | undefined): Adapter {
    const names = new Set([...parts.groups.values()].map((group) => group.adapterName));
    const modules: LoraModule[] = [];
    for (const group of parts.groups.values()) {
      const module = this.buildModule(group, names.size > 1);
      if (module !== undefined) modules.push(module);
    }
    const uncomposed: Tensor[] = [];
    for (const group of parts.composed) {
      const module = this.buildComposed(group);
      if (module !== undefined) modules.push(module);
      else uncomposed.push(...group.tensors.values(), ...[group.alpha, group.magnitude].filter(isTensor));
    }
    const method = configured ?? methodOf(modules, parts);
    const notCompared = parts.otherMethod ?? (uncomposed.length > 0 ? parts.composed[0]?.method : undefined);
    if (notCompared !== undefined) this.problems.notCompared(notCompared);
    else if (parts.groups.size + parts.composed.length === 0) this.problems.noFactors(method);
    this.problems.adapterNames([...names].filter((name) => name !== undefined));
    this.problems.recipe(this.config, modules);
    this.problems.add(this.scales.problems);
    return {
      dialect: this.mostCommonDialect(),
      method,
      modules,
      savedTensors: parts.saved,
      otherTensors: [...parts.other, ...uncomposed],
      unpaired: [...this.unpaired, ...parts.unpaired],
      problems: this.problems.list,
    };
  }

  private buildModule(group: PartGroup, withAdapterName: boolean): LoraModule | undefined {
    const { tensors } = group;
    const isEmbedding = tensors.has("embeddingA") || tensors.has("embeddingB");
    const a = tensors.get(isEmbedding ? "embeddingA" : "a");
    const b = tensors.get(isEmbedding ? "embeddingB" : "b");
    if (a === undefined || b === undefined) {
      this.unpaired.push(...tensors.values());
      this.problems.withoutPartner(a ?? (b as Tensor), a === undefined ? "A" : "B");
      return undefined;
    }
    const dialect = dialectOf(group, a, this.config);
    const layout = this.layoutOf(group, dialect, isEmbedding, a, b);
    if (layout === undefined) return undefined;
    this.dialects.set(dialect, (this.dialects.get(dialect) ?? 0) + 1);
    const rule = this.scales.find(group.module, layout.rank, dialect === "mlx");
    const perExpert = this.perExpert(group.module, layout, rule);
    return this.moduleOf(group, withAdapterName, a, b, perExpert?.layout ?? layout, perExpert?.rule ?? rule);
  }

  /** LoHa and LoKr, where their update has small factors. */
  private buildComposed({
    module,
    method,
    tensors,
    alpha,
    magnitude,
  }: ComposedGroup): LoraModule | undefined {
    const layout = composedLayout(method, tensors);
    const [a] = tensors.values();
    if (layout === undefined || a === undefined) return undefined;
    const { ignoresAlpha, ...rest } = layout;
    const rule = this.scales.find(module, layout.scaleRank, false);
    const isAlone = alpha === undefined || ignoresAlpha;
    const isPeft =
      rule.source === "config" || rule.source === "alphaPattern" || rule.source === "configDefault";
    const dialect = isPeft ? "peft" : "lycoris";
    this.dialects.set(dialect, (this.dialects.get(dialect) ?? 0) + 1);
    if (isAlone && !ignoresAlpha && rule.source === "assumed") this.problems.assumedScale(rule.scale);
    return {
      module,
      adapterName: undefined,
      a,
      b: a,
      ...rest,
      alpha: isAlone && !ignoresAlpha ? rule.alpha : undefined,
      // LyCORIS sets alpha to the rank where both matrices are whole; PEFT divides all the same.
      scale: isAlone ? (ignoresAlpha && !isPeft ? 1 : rule.scale) : undefined,
      scaleSource: isAlone ? rule.source : "alphaTensor",
      alphaTensor: isAlone ? undefined : alpha,
      mid: undefined,
      diagonal: undefined,
      magnitude,
      bias: undefined,
    };
  }

  private layoutOf(
    group: PartGroup,
    dialect: AdapterDialect,
    isEmbedding: boolean,
    a: Tensor,
    b: Tensor,
  ): FactorLayout | undefined {
    const factors = { a, b, mid: group.tensors.get("mid") };
    try {
      if (isEmbedding) return embeddingLayout(factors);
      if (dialect === "mlx") return mlxLayout(factors);
      return dialect === "gguf" ? ggufLayout(factors) : standardLayout(factors);
    } catch (error) {
      if (!(error instanceof LayoutError)) throw error;
      this.problems.misfit(error.message, a);
      this.unpaired.push(...group.tensors.values());
      return undefined;
    }
  }

  /**
   * PEFT's `target_parameters` adapt the fused weights of E experts with A [r·E, in] and B [out, r·E]: the rank
   * of the tensors is E times the configured one.
   */
  private perExpert(
    module: string,
    layout: FactorLayout,
    rule: ScaleRule,
  ): { readonly layout: FactorLayout; readonly rule: ScaleRule } | undefined {
    const targets = this.config?.targetParameters ?? [];
    const rank = rule.announcedRank;
    if (targets.length === 0 || layout.layout !== "linear" || rank === undefined || rank < 1)
      return undefined;
    const path = module.replace(/(?:\.base_layer)+$/, "");
    const isTarget = targets.some((target) =>
      `.${path}`.endsWith(`.${target.slice(0, target.lastIndexOf("."))}`),
    );
    if (!isTarget || layout.rank === rank || layout.rank % rank !== 0) return undefined;
    const expertRule = this.scales.find(module, rank, false);
    return { layout: { ...layout, layout: "experts", rank }, rule: expertRule };
  }

  private moduleOf(
    group: PartGroup,
    withAdapterName: boolean,
    a: Tensor,
    b: Tensor,
    layout: FactorLayout,
    rule: ScaleRule,
  ): LoraModule {
    const { tensors, adapterName } = group;
    const alphaTensor = tensors.get("alpha");
    const module = withAdapterName ? `${group.module} (${adapterName ?? "unnamed"})` : group.module;
    this.problems.rank(module, layout.rank, rule.announcedRank);
    if (alphaTensor === undefined && rule.source === "assumed") this.problems.assumedScale(rule.scale);
    return {
      module,
      adapterName,
      a,
      b,
      ...layout,
      alpha: alphaTensor === undefined ? rule.alpha : undefined,
      scale: alphaTensor === undefined ? rule.scale : undefined,
      scaleSource: alphaTensor === undefined ? rule.source : "alphaTensor",
      alphaTensor,
      mid: tensors.get("mid"),
      diagonal: tensors.get("diagonal"),
      magnitude: tensors.get("magnitude"),
      bias: tensors.get("bias"),
    };
  }

  private mostCommonDialect(): AdapterDialect {
    let best: AdapterDialect = "unknown";
    for (const [dialect, count] of this.dialects) {
      if (count > (this.dialects.get(best) ?? 0)) best = dialect;
    }
    return best;
  }
}

function isTensor(tensor: Tensor | undefined): tensor is Tensor {
  return tensor !== undefined;
}

function methodOf(modules: readonly LoraModule[], parts: AdapterParts): string {
  if (parts.groups.size === 0 && parts.composed[0] !== undefined) return parts.composed[0].method;
  if (parts.groups.size === 0 && parts.otherMethod !== undefined) return parts.otherMethod;
  return modules.some((module) => module.diagonal?.name.includes("lora_E")) ? "ADALORA" : "LORA";
}

/** Parts of a diffusers pipeline; GPT-2's `transformer.` is one of them too, but comes with a configuration. */
const pipelinePart = /^(?:unet|transformer|text_encoder(?:_\d)?|vae|prior)\./;

function dialectOf(group: PartGroup, a: Tensor, config: AdapterConfig | undefined): AdapterDialect {
  const { grammar, module } = group;
  if (grammar === "diffusers") return "diffusers";
  if (grammar === "lowerCase") {
    if (group.hasWeightSuffix) return "torchtune";
    return module.endsWith(".weight") ? "gguf" : "mlx";
  }
  if (module.startsWith("diffusion_model.")) return "comfyui";
  if (grammar === "kohya") return "kohya";
  const bare = config === undefined && modulePath(a.name) === a.name;
  return bare && pipelinePart.test(module) ? "diffusers" : "peft";
}
