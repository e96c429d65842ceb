import type { Problem, Severity } from "../problem/problem";
import { elementCount, formatShape, type Tensor } from "../tensors/tensor";
import { lastPart } from "../text/lastPart";
import { formatCount, plural } from "../text/quantities";
import type { AdapterConfig } from "./adapterConfig";
import { type ShareParts, shareSentences } from "./adapterShares";
import { rangeText } from "./adapterText";
import type { FactorLayout } from "./factorLayout";
import { groupBy } from "./groupBy";
import { type LoraModule, storedTensors } from "./loraModule";
import { methodName, otherMethodOf, whyNotMeasured } from "./methods/methodTable";
import { loraVariants } from "./methods/variants";
import { baseChangedBy, isToldByStart } from "./modifiedBase";

/** Findings of one kind listed one by one; a broken file of 10,000 modules has 10,000 of them. */
const maxListed = 20;

/** Megatron keeps the layers of a kind in one tensor, and no number in its path. */
function isOfAllLayers({ module }: LoraModule): boolean {
  return /(?:^|\.)layers\.(?!\d+\.)/.test(module);
}

/** Collects what is to be said about an adapter; the same finding about many modules is said once. */
export class AdapterProblems {
  private readonly found: Problem[] = [];
  private readonly counts = new Map<string, number>();
  private rankMismatch: { readonly example: string; count: number } | undefined;
  private readonly assumed = new Map<number, number>();

  get list(): readonly Problem[] {
    const problems = [...this.found];
    for (const [code, count] of this.counts) {
      if (count <= maxListed) continue;
      const message = `${count - maxListed} more findings of the kind ${code} are not listed.`;
      problems.push({ severity: "warning", code, message });
    }
    if (this.rankMismatch !== undefined) problems.push(this.rankProblem(this.rankMismatch));
    for (const [scale, count] of this.assumed) {
      const message = `No alpha or scale was found for ${modulesOf(count)}; a scale of ${scale} is assumed.`;
      problems.push({ severity: "info", code: "LoraScaleAssumed", message });
    }
    return problems;
  }

  add(problems: readonly Problem[]): void {
    this.found.push(...problems);
  }

  withoutPartner(tensor: Tensor, missing: "A" | "B"): void {
    const partner = missing === "A" ? "down-projection (lora_A)" : "up-projection (lora_B)";
    this.listed(
      "LoraUnpaired",
      `${tensor.name} has no ${partner} beside it. The file may be cut or mixed.`,
      tensor,
    );
  }

  /** A module of another method than LoRA of which only some tensors are there. */
  incomplete(method: string, [tensor]: readonly Tensor[]): void {
    if (tensor === undefined) return;
    const message = `${tensor.name} lacks the tensors of ${methodName(method)} that belong beside it. The file may be cut or mixed.`;
    this.listed("LoraUnpaired", message, tensor);
  }

  /** A module of another method than LoRA whose tensors are all there and make no one update. */
  unfitting(method: string, tensors: readonly Tensor[]): void {
    const [first] = tensors;
    if (first === undefined) return;
    const sizes = tensors.slice(0, 4).map(({ name, shape }) => `${lastPart(name)} ${formatShape(shape)}`);
    const message = `${first.name} and the tensors of ${methodName(method)} beside it do not fit each other (${sizes.join(", ")}). The file may be cut or mixed.`;
    this.misfit(message, first);
  }

  /** What belongs to a pair of factors under a name under which none are: half a conversion of names leaves it. */
  withoutFactors(tensors: readonly Tensor[]): void {
    for (const tensor of tensors) {
      if (!/magnitude|dora_scale|lora_mid|lora_E|lora_diag/.test(tensor.name)) continue;
      const message = `${tensor.name} has no factors beside it, whose update it belongs to. The file may be cut, mixed, or half-converted to other names.`;
      this.listed("LoraUnpaired", message, tensor);
    }
  }

  misfit(message: string, tensor: Tensor): void {
    this.listed("LoraShapeMismatch", message, tensor);
  }

  grouped(message: string, tensor: Tensor): void {
    this.listed("GroupedConvolution", message, tensor);
  }

  rank(module: string, { rank, layout, experts }: FactorLayout, announced: number | undefined): void {
    if (announced === undefined || announced === rank) return;
    // Of experts whose number is not known the rank is not known either.
    if (layout === "experts" && experts?.count === undefined) return;
    if (this.rankMismatch !== undefined) this.rankMismatch.count++;
    else {
      const example = `${module} has rank ${rank} in its tensors and ${announced} in the configuration`;
      this.rankMismatch = { example, count: 1 };
    }
  }

  assumedScale(scale: number): void {
    this.assumed.set(scale, (this.assumed.get(scale) ?? 0) + 1);
  }

  /** litgpt's query, key and value in one, whose sizes stand in no tensor. */
  assumedSplit(isNamed: boolean): void {
    if (this.found.some(({ code }) => code === "LoraSplitAssumed")) return;
    const parts = isNamed ? "" : " and which of the three are adapted";
    const message = `Query, key and value lie in one pair of factors, and the file does not say where each begins${parts}: the query is assumed to have as many outputs as the layer has inputs. Where a model has other heads, the numbers of these modules are of wrong parts.`;
    this.push(isNamed ? "info" : "warning", "LoraSplitAssumed", message);
  }

  notMeasured(method: string, reason?: string): void {
    this.push("info", "AdapterMethod", whyNotMeasured(method, reason));
  }

  /** Tensors of another method beside LoRA modules, which stand by themselves. */
  besides(tensors: readonly Tensor[], config: AdapterConfig | undefined): void {
    const byMethod = groupBy(tensors, ({ name }) => otherMethodOf(name) ?? "");
    for (const [method, own] of byMethod) {
      if (method === "TRAINABLE_TOKENS") for (const tensor of own) this.tokens(tensor, config);
      else if (method !== "") {
        const message = `Beside the modules below, ${own.length === 1 ? "1 tensor" : `${own.length} tensors`} of ${methodName(method)} are trained (${own[0]?.name}); the numbers do not contain them.`;
        this.push("info", "AdapterMethod", message);
      }
    }
  }

  private tokens({ name, shape }: Tensor, config: AdapterConfig | undefined): void {
    const embedding = name
      .replace(/\.token_adapter\..*$|\.trainable_tokens_delta.*$/, "")
      .replace(/^.*\./, "");
    const ids = config?.trainableTokens ?? [];
    const which = ids.length === shape[0] ? ` (ids ${rangesOf(ids)})` : "";
    const message = `${shape[0]} rows of ${embedding}${which} are trained besides and saved whole: they replace the rows of the base.`;
    this.push("info", "TrainableTokens", message);
  }

  /** LoKr of two whole matrices: loaders and trainers disagree about its scale. */
  unusedAlpha(modules: readonly string[], metadata: ReadonlyMap<string, string>): void {
    if (modules.length === 0) return;
    const alpha = Number(metadata.get("ss_network_alpha"));
    const dim = Number(metadata.get("ss_network_dim"));
    const isKnown = alpha > 0 && dim > 0;
    if (isKnown && alpha === dim) return;
    const other = isKnown
      ? `alpha / dim = ${rangeText([alpha])}/${rangeText([dim])} = ${rangeText([alpha / dim])}`
      : "alpha / dim";
    const message = `Both matrices of LoKr are whole in ${modulesOf(modules.length)}. Programs disagree about the scale of such modules: LyCORIS and ComfyUI leave alpha out and use 1, which is shown; a trainer that applied ${other} needs that strength.`;
    this.push("warning", "LokrScale", message);
  }

  /** Names that torch.compile wrote, and PEFT does not know. */
  wrappedNames(tensors: readonly Tensor[]): void {
    const wrapped = tensors.filter(({ name }) => /(?:^|\.)_orig_mod\./.test(name));
    const [first] = wrapped;
    if (first === undefined) return;
    const message = `${wrapped.length} of ${tensors.length} names hold "_orig_mod." (torch.compile). PEFT and transformers match none of these, so that the adapter would load as nothing; without it the first is ${first.name.replaceAll("_orig_mod.", "")}.`;
    this.push("warning", "WrappedNames", message);
  }

  mlxVlmScale(mlx: AdapterConfig["mlx"]): void {
    if (mlx?.scale === undefined || mlx.rank === undefined) return;
    const message = `mlx-vlm multiplied by alpha alone (${rangeText([mlx.scale])}) while it wrote such files, which is shown; newer versions divide it by the rank (${rangeText([mlx.scale / mlx.rank])}).`;
    this.push("info", "MlxVlmScale", message);
  }

  shares(parts: ShareParts): void {
    for (const message of shareSentences(parts)) this.push("info", "AdapterShares", message);
  }

  /** Adapters inside a full model. */
  builtIn(modules: readonly LoraModule[], model: readonly Tensor[]): void {
    const byName = groupBy(modules, ({ adapterName }) => adapterName ?? "unnamed");
    const adapters = [...byName].map(
      ([name, own]) => `${name} (rank ${rangeText(own.map(({ rank }) => rank))})`,
    );
    const own = modules.flatMap(storedTensors).reduce((sum, { shape }) => sum + elementCount(shape), 0);
    const base = model.reduce((sum, { shape }) => sum + elementCount(shape), 0);
    const message = `A full model of ${model.length} tensors with ${adapters.length === 1 ? "an unmerged adapter" : `${adapters.length} adapters`} in it: ${adapters.slice(0, maxListed).join(", ")}. Of its ${formatCount(base + own)} values ${formatCount(own)} are those of the adapters, which the numbers below are about.`;
    this.push("info", "ModelWithAdapter", message);
  }

  noFactors(method: string): void {
    const message = `The configuration announces ${method}, but no tensor is named like a LoRA factor.`;
    this.push("warning", "LoraWithoutFactors", message);
  }

  otherMethod(method: string): void {
    const message = `The configuration announces ${methodName(method)}, but no tensor is named like one of its own.`;
    this.push("warning", "LoraWithoutFactors", message);
  }

  factoredWeights(count: number): void {
    const message =
      `${count === 1 ? "1 module holds" : `${count} modules hold`} a weight as its factors. The numbers are those of the weights themselves, not of a ` +
      "change from a base.";
    this.push("info", "FactoredWeights", message);
  }

  adapterNames(names: readonly string[]): void {
    if (names.length < 2) return;
    const message = `The file holds ${names.length} adapters: ${names.slice(0, maxListed).join(", ")}.`;
    this.push("info", "SeveralAdapters", message);
  }

  /** What the recipe of the adapter means for reading its numbers. */
  recipe(config: AdapterConfig | undefined, modules: readonly LoraModule[]): void {
    const recipe = baseChangedBy(config, modules);
    if (recipe !== undefined) {
      const message = isToldByStart(recipe)
        ? `Initialised with ${recipe}, which also changes the base weights: the update is relative to that changed base. Its change from the published base is the difference from the snapshot at step 0.`
        : `${recipe} took as many of the smallest singular directions out of each base weight as the rank is: the update is relative to that changed base, and what was taken stands in no adapter.`;
      this.push("info", "LoraModifiedBase", message);
    }
    for (const { isOf, remark, code = "LoraVariant", severity = "info" } of loraVariants) {
      if (remark !== undefined && isOf(config, modules)) this.push(severity, code, remark);
    }
    if (config?.useDora === true) this.magnitudes(modules, config.mlx === undefined);
    this.belowOneProjection(modules);
    this.magnitudeLengths(modules);
    this.diagonalLengths(modules);
    this.scales(modules);
    this.experts(modules.filter((module) => module.layout === "experts"));
  }

  /** diffusers 0.15 and 0.16 made the four LoRAs of an attention in each projection of a text encoder, and used one. */
  private belowOneProjection(modules: readonly LoraModule[]): void {
    const unused = modules.filter(({ module }) => {
      const [, projection, own] = /\.(q|k|v|out)_proj\.to_(q|k|v|out)$/.exec(module) ?? [];
      return own !== projection;
    });
    const [first] = unused;
    if (first === undefined) return;
    const message = `${unused.length} of ${modulesOf(modules.length)} stand in a projection that they are not named after, first ${first.module}: diffusers makes an update of the one that is alone, so that these change nothing there. The numbers contain them.`;
    this.push("warning", "LorasNotUsed", message);
  }

  private magnitudes(modules: readonly LoraModule[], isPeft: boolean): void {
    // Embeddings and convolutions had none in PEFT's first versions of DoRA.
    const linear = modules.filter(({ layout }) => layout === (isPeft ? "linear" : "mlx"));
    const bare = linear.filter(({ magnitude }) => magnitude === undefined);
    if (bare.length === 0) return;
    const which =
      bare.length === linear.length
        ? `none of ${modulesOf(linear.length)} has`
        : `${bare.length} of ${modulesOf(linear.length)} ${bare.length === 1 ? "lacks" : "lack"}`;
    const message = `${isPeft ? "use_dora is true" : "fine_tune_type is dora"}, and ${which} a magnitude vector (${isPeft ? "lora_magnitude_vector" : "m"}): what DoRA trained beside the factors is missing.`;
    this.push("warning", "DoraWithoutMagnitudes", message);
  }

  /** One magnitude for each output; LyCORIS may keep one for each input. */
  private magnitudeLengths(modules: readonly LoraModule[]): void {
    for (const { magnitude, module, layout, outFeatures, inFeatures } of modules) {
      if (magnitude === undefined || layout === "experts") continue;
      const count = elementCount(magnitude.shape);
      const mayBeOfInputs = magnitude.name.endsWith("dora_scale");
      if (count === outFeatures || (mayBeOfInputs && count === inFeatures)) continue;
      const message = `${magnitude.name} holds ${plural(count, "magnitude")}, and ${module} has ${plural(outFeatures, "output")}: they do not belong together.`;
      this.misfit(message, magnitude);
    }
  }

  /** AdaLoRA's and KaSA's values between the factors: one for each component. */
  private diagonalLengths(modules: readonly LoraModule[]): void {
    for (const { diagonal, module, rank } of modules) {
      if (diagonal === undefined || elementCount(diagonal.shape) === rank) continue;
      const message = `${diagonal.name} holds ${plural(elementCount(diagonal.shape), "value")}, and ${module} has a rank of ${rank}: they do not belong together.`;
      this.misfit(message, diagonal);
    }
  }

  private scales(modules: readonly LoraModule[]): void {
    const lost = modules.filter(({ scale }) => scale !== undefined && !Number.isFinite(scale));
    if (lost.length > 0) {
      const message = `The scale is ${lost[0]?.scale} in ${lost.length} of ${modulesOf(modules.length)}, because alpha is no number that can be used: every value of these updates is lost with it.`;
      this.push("error", "ScaleNotFinite", message);
    }
    const still = modules.filter(({ scale }) => scale === 0);
    if (still.length === 0) return;
    const message = `The scale is 0 in ${still.length} of ${modulesOf(modules.length)} (alpha 0): the update is multiplied by it, so that the adapter changes nothing there.`;
    this.push("warning", "LoraScaleZero", message);
  }

  private experts(modules: readonly LoraModule[]): void {
    if (modules.length === 0) return;
    const known = modules.flatMap(({ experts }) => experts?.count ?? []);
    const hold = `${modulesOf(modules.length)} ${modules.length === 1 ? "holds" : "hold"} one`;
    const message =
      known.length === 0
        ? `${hold} update for each expert, one inside the other. How many experts share the rank of the tensors stands in adapter_config.json, which is missing: they are listed but not measured.`
        : `${hold} update for each of ${rangeText(known)} ${modules.every(isOfAllLayers) ? "layers" : "experts"}; each is measured by itself.`;
    this.push("info", "LoraExperts", message);
  }

  private listed(code: string, message: string, tensor: Tensor): void {
    const count = (this.counts.get(code) ?? 0) + 1;
    this.counts.set(code, count);
    if (count <= maxListed) this.found.push({ severity: "warning", code, message, tensor: tensor.name });
  }

  private push(severity: Severity, code: string, message: string): void {
    this.found.push({ severity, code, message });
  }

  private rankProblem({ example, count }: { readonly example: string; readonly count: number }): Problem {
    const more = count === 1 ? "" : `, and so do ${count - 1} more`;
    const message = `${example}${more}. The tensors are believed; the scale is computed with their rank.`;
    return { severity: "warning", code: "LoraRankMismatch", message };
  }
}

/** "5–9, 12" */
function rangesOf(ids: readonly number[]): string {
  const runs: [number, number][] = [];
  for (const id of [...ids].sort((a, b) => a - b)) {
    const last = runs.at(-1);
    if (last !== undefined && id === last[1] + 1) last[1] = id;
    else runs.push([id, id]);
  }
  const texts = runs.slice(0, 5).map(([from, to]) => (from === to ? `${from}` : `${from}–${to}`));
  return texts.join(", ") + (runs.length > 5 ? ", …" : "");
}

function modulesOf(count: number): string {
  return count === 1 ? "1 module" : `${count} modules`;
}
