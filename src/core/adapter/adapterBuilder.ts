import type { JsonObject } from "../json/parseJson";
import type { Tensor } from "../tensors/tensor";
import type { Adapter } from "./adapter";
import type { AdapterConfig } from "./adapterConfig";
import type { AdapterParts, ComposedGroup, PartGroup } from "./adapterParts";
import { AdapterProblems } from "./adapterProblems";
import { type ComposedLayout, composedLayout, incomplete } from "./composedFactors";
import type { DialectId } from "./dialects/dialect";
import { dialectOf } from "./dialects/dialectTable";
import { isFusedExperts } from "./expertColumns";
import { isNestedExperts, wrappedParameter } from "./expertNames";
import { type FactorLayout, GroupedLayoutError, LayoutError } from "./factorLayout";
import { modulePath } from "./loraKey";
import type { LoraModule } from "./loraModule";
import { inputsOfVera, lacksPart, type MadeContext, madeLayout } from "./madeLayout";
import { isForeignTo } from "./methods/methodTable";
import { arePooled, areStoredTransposed, type FormContext, formsOf } from "./moduleForms";
import { type ScaleRule, ScaleRules } from "./scaleRules";

/** Makes an adapter of its parts: pairs the factors of each module, and says what is odd about them. */
export class AdapterBuilder {
  private readonly scales: ScaleRules;
  private readonly problems = new AdapterProblems();
  private readonly unpaired: Tensor[] = [];
  /** Of grouped convolutions, which have no single update. */
  private readonly grouped: Tensor[] = [];
  private readonly dialects = new Map<DialectId, number>();
  private readonly unusedAlpha: string[] = [];
  private isTransposed = false;
  private isPooled = false;
  private withAdapterName = false;

  constructor(
    private readonly config: AdapterConfig | undefined,
    private readonly metadata: ReadonlyMap<string, string>,
    modelConfig: JsonObject | undefined,
  ) {
    this.scales = new ScaleRules(config, metadata, modelConfig);
  }

  build(parts: AdapterParts, configured: string | undefined): Adapter {
    const groups = [...parts.groups.values()];
    const names = new Set(groups.map((group) => group.adapterName));
    this.withAdapterName = names.size > 1;
    this.isTransposed = areStoredTransposed(
      groups.flatMap(({ tensors, module, adapterName }) => {
        const pair = completePair(tensors);
        const { announcedRank } = this.scales.find(module, 1, false, adapterName);
        return pair === undefined ? [] : [{ ...pair, announcedRank }];
      }),
    );
    this.isPooled = arePooled(
      groups.flatMap(({ tensors }) => completePair(tensors) ?? []),
      this.config?.qaloraGroupSize,
    );
    const paths = new Set(groups.map(({ module }) => module));
    const modules = groups.flatMap((group) => this.buildModules(group, paths));
    const uncomposed: Tensor[] = [];
    const { composed, shared } = parts;
    const context = { shared, config: this.config, inputsOfVera: inputsOfVera(composed, shared) };
    const reasons = new Set<string>();
    for (const group of composed) {
      if (lacksPart(group)) {
        this.unpaired.push(...group.tensors.values());
        this.problems.incomplete(group.method, [...group.tensors.values()]);
        continue;
      }
      const module = isOfMatrices(group) ? this.buildComposed(group) : this.buildMade(group, context);
      if (typeof module !== "string") modules.push(module);
      else {
        reasons.add(module);
        if (module === incomplete) this.problems.unfitting(group.method, [...group.tensors.values()]);
        uncomposed.push(...group.tensors.values(), ...[group.alpha, group.magnitude].filter(isTensor));
      }
    }
    if (modules.length === 0) uncomposed.push(...shared.values());
    const method = configured ?? methodOf(modules, parts);
    const factors = groups.flatMap(({ tensors }) => [...tensors.values()].map(({ name }) => name));
    if (composed.length === 0 && isForeignTo(method, factors)) this.problems.otherMethod(method);
    const carriesModel = isModelWith(modules, parts);
    for (const reason of reasons) this.problems.notMeasured(composed[0]?.method ?? method, reason);
    this.report(parts, { modules, method, carriesModel });
    this.problems.adapterNames([...names].filter((name) => name !== undefined));
    return {
      dialect: this.mostCommonDialect(),
      method,
      modules,
      savedTensors: parts.saved,
      differences: parts.differences,
      frozenTensors: parts.frozen,
      carriesModel,
      otherTensors: [...parts.other, ...uncomposed, ...this.grouped],
      unpaired: [...this.unpaired, ...parts.unpaired],
      problems: this.problems.list,
    };
  }

  private report(parts: AdapterParts, { modules, method, carriesModel }: Built): void {
    const { problems, config } = this;
    if (parts.otherMethod !== undefined && modules.length === 0) problems.notMeasured(parts.otherMethod);
    else if (parts.otherMethod !== undefined) problems.besides(parts.other, config);
    if (parts.otherMethod === undefined && parts.groups.size + parts.composed.length === 0)
      problems.noFactors(method);
    problems.withoutFactors(parts.unpaired);
    problems.recipe(config, modules);
    problems.unusedAlpha(this.unusedAlpha, this.metadata);
    problems.wrappedNames([...parts.groups.values()].flatMap(({ tensors }) => [...tensors.values()]));
    const { saved, differences, frozen, other } = parts;
    if (carriesModel) problems.builtIn(modules, [...saved, ...frozen]);
    else problems.shares({ modules, saved, differences, frozen, other });
    problems.add(this.scales.problems);
  }

  private buildModules(group: PartGroup, paths: ReadonlySet<string>): LoraModule[] {
    const { tensors } = group;
    const isEmbedding = tensors.has("embeddingA") || tensors.has("embeddingB");
    const a = tensors.get(isEmbedding ? "embeddingA" : "a");
    const b = tensors.get(isEmbedding ? "embeddingB" : "b");
    if (a === undefined || b === undefined) {
      this.unpaired.push(...tensors.values());
      this.problems.withoutPartner(a ?? (b as Tensor), a === undefined ? "A" : "B");
      return [];
    }
    const dialect = dialectOf({ ...group, nameOfA: a.name }, this.config);
    const isMlx = dialect === "mlx";
    const parameter = wrappedParameter(group.module, this.config);
    const layouts = this.layoutsOf(group, a, b, {
      module: group.module,
      dialect,
      config: this.config,
      isEmbedding,
      announcedRank: this.scales.find(parameter, 1, isMlx, group.adapterName).announcedRank,
      isNested: isNestedExperts(group.module, paths),
      isTransposed: this.isTransposed,
      isPooled: this.isPooled,
    });
    const enabled = this.config?.enableLora;
    if (dialect === "litgpt" && enabled?.[0] !== false && layouts.some(({ slice }) => slice !== undefined))
      this.problems.assumedSplit(enabled !== undefined);
    if (layouts.length > 0) this.dialects.set(dialect, (this.dialects.get(dialect) ?? 0) + 1);
    return layouts.map((layout) => {
      const rule = this.scales.find(parameter, layout.rank, isMlx, group.adapterName);
      return this.moduleOf(group, a, b, layout, rule);
    });
  }

  /** GraLoRA, DeLoRA, VB-LoRA, VeRA and C³A; else why their update is not known from this file. */
  private buildMade(group: ComposedGroup, context: MadeContext): LoraModule | string {
    const layout = madeLayout(group, context);
    const [a, b = a] = group.tensors.values();
    if (typeof layout === "string" || a === undefined) return layout as string;
    const { scaleRank, ...rest } = layout;
    const rule: ScaleRule =
      scaleRank === undefined
        ? { alpha: undefined, scale: 1, source: "factors", announcedRank: undefined }
        : this.scales.find(group.module, scaleRank, false);
    if (rule.source === "assumed") this.problems.assumedScale(rule.scale);
    this.dialects.set("peft", (this.dialects.get("peft") ?? 0) + 1);
    return {
      ...bare,
      module: group.module,
      a,
      b: b ?? a,
      ...rest,
      alpha: rule.alpha,
      scale: rule.scale,
      scaleSource: rule.source,
    };
  }

  /** LoHa and LoKr, where their parts fit. */
  private buildComposed({ module, method, tensors, alpha, magnitude }: MatrixGroup): LoraModule | string {
    const layout = composedLayout(method, tensors);
    const [a] = tensors.values();
    if (typeof layout === "string" || a === undefined) return layout as string;
    const { ignoresAlpha, ...rest } = layout;
    const rule = this.composedScale(module, layout);
    const isAlone = alpha === undefined || ignoresAlpha;
    const isPeft =
      rule.source === "config" || rule.source === "alphaPattern" || rule.source === "configDefault";
    const dialect = isPeft ? "peft" : "lycoris";
    this.dialects.set(dialect, (this.dialects.get(dialect) ?? 0) + 1);
    if (ignoresAlpha && alpha !== undefined && !isPeft) this.unusedAlpha.push(module);
    if (isAlone && !ignoresAlpha && rule.source === "assumed") this.problems.assumedScale(rule.scale);
    return {
      ...bare,
      module,
      a,
      b: a,
      ...rest,
      alpha: isAlone && !ignoresAlpha ? rule.alpha : undefined,
      // LyCORIS sets alpha to the rank where both matrices are whole; PEFT divides by the configured rank all the same.
      scale: isAlone ? (ignoresAlpha && !isPeft ? 1 : rule.scale) : undefined,
      scaleSource: isAlone ? rule.source : "alphaTensor",
      alphaTensor: isAlone ? undefined : alpha,
      magnitude,
    };
  }

  /** Two whole matrices have no rank that could be divided by: PEFT takes the one of the configuration. */
  private composedScale(module: string, { scaleRank, ignoresAlpha }: ComposedLayout): ScaleRule {
    const rule = this.scales.find(module, scaleRank, false);
    if (!ignoresAlpha || rule.announcedRank === undefined) return rule;
    return this.scales.find(module, rule.announcedRank, false);
  }

  private layoutsOf(group: PartGroup, a: Tensor, b: Tensor, context: FormContext): readonly FactorLayout[] {
    try {
      return formsOf({ a, b, mid: group.tensors.get("mid") }, context);
    } catch (error) {
      if (!(error instanceof LayoutError)) throw error;
      const isGrouped = error instanceof GroupedLayoutError && context.announcedRank === a.shape[0];
      if (isGrouped) this.problems.grouped(error.message, a);
      else this.problems.misfit(error.message, a);
      (isGrouped ? this.grouped : this.unpaired).push(...group.tensors.values());
      return [];
    }
  }

  private moduleOf(
    group: PartGroup,
    a: Tensor,
    b: Tensor,
    layout: FactorLayout,
    rule: ScaleRule,
  ): LoraModule {
    const { tensors, adapterName } = group;
    const alphaTensor = tensors.get("alpha");
    const label = layout.slice?.part ?? (this.withAdapterName ? (adapterName ?? "unnamed") : undefined);
    const path = isFusedExperts(layout.experts) ? wrappedParameter(group.module, this.config) : group.module;
    const module = label === undefined ? path : `${path} (${label})`;
    this.problems.rank(module, layout, rule.announcedRank);
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

  private mostCommonDialect(): DialectId {
    let best: DialectId = "unknown";
    for (const [dialect, count] of this.dialects) {
      if (count > (this.dialects.get(best) ?? 0)) best = dialect;
    }
    return best;
  }
}

/** What only modules of two factors have. */
const bare = {
  adapterName: undefined,
  alphaTensor: undefined,
  mid: undefined,
  diagonal: undefined,
  magnitude: undefined,
  bias: undefined,
};

interface MatrixGroup extends ComposedGroup {
  readonly method: "LOHA" | "LOKR";
}

function isOfMatrices(group: ComposedGroup): group is MatrixGroup {
  return group.method === "LOHA" || group.method === "LOKR";
}

function isTensor(tensor: Tensor | undefined): tensor is Tensor {
  return tensor !== undefined;
}

function methodOf(modules: readonly LoraModule[], parts: AdapterParts): string {
  if (parts.groups.size === 0 && parts.composed[0] !== undefined) return parts.composed[0].method;
  if (parts.groups.size === 0 && parts.otherMethod !== undefined) return parts.otherMethod;
  return modules.some((module) => module.diagonal?.name.includes("lora_E")) ? "ADALORA" : "LORA";
}

interface Built {
  readonly modules: readonly LoraModule[];
  readonly method: string;
  readonly carriesModel: boolean;
}

function completePair(tensors: PartGroup["tensors"]) {
  const a = tensors.get("a");
  const b = tensors.get("b");
  return a === undefined || b === undefined ? undefined : { a, b };
}

/** Most adapted modules have their weight beside them: this is a model, not what was trained on top of one. */
function isModelWith(modules: readonly LoraModule[], { groups, saved, frozen }: AdapterParts): boolean {
  if (modules.length === 0) return false;
  const weights = new Set([...saved, ...frozen].map(({ name }) => modulePath(name)));
  const paths = new Set([...groups.values()].map(({ module }) => module));
  const found = [...paths].filter(
    (path) =>
      weights.has(`${path}.base_layer.weight`) ||
      weights.has(`${path}.weight`) ||
      weights.has(`${path}.linear.weight`),
  );
  return 2 * found.length > paths.size && saved.length > 0;
}
