import type { LoraModule } from "../adapter/loraModule";
import type { Problem } from "../problem/problem";
import type { CheckpointSession } from "../session/checkpointSession";
import type { LongWork } from "../session/longWork";
import type { Tensor } from "../tensors/tensor";
import { plural } from "../text/quantities";
import { BaseMeasurer } from "./baseMeasurer";
import { type BaseTransform, baseTransforms } from "./baseTransforms";
import { BaseWeights } from "./baseWeights";
import { canBeSliced, sliceOf } from "./expertSlices";
import { moduleOfBase } from "./replicatedLayers";
import { expertWeights, rowsOfExpert } from "./singleExperts";

/** How far an adapter moves a weight. */
export interface BaseRatio {
  readonly module: string;
  /** Name of the weight in the base model, or of the first and the last of an expert each. */
  readonly weight: string;
  /** ‖W′ − W‖_F: of LoRA ‖ΔW‖, of DoRA after its normalisation. */
  readonly norm: number;
  /** ‖W‖_F. */
  readonly baseNorm: number;
  /** norm / baseNorm. */
  readonly ratio: number;
}

export interface BaseComparison {
  readonly modules: readonly BaseRatio[];
  /** √Σ‖W′ − W‖² / √Σ‖W‖² over these modules. */
  readonly ratio: number | undefined;
  readonly problems: readonly Problem[];
}

/**
 * Holds every module of an adapter against its base weight, also of methods whose change follows from the weight alone
 * (OFT, IA³, …). The weights are read in pieces.
 */
export async function compareWithBase(
  adapter: CheckpointSession,
  base: CheckpointSession,
  { report, signal }: LongWork = {},
): Promise<BaseComparison> {
  const parts = [...(adapter.adapter?.modules ?? []), ...baseTransforms(adapter)];
  const weights = new BaseWeights(base.checkpoint.tensors);
  const packed = new Set((await base.weights()).flatMap(({ packed: each }) => each?.stored ?? []));
  const [factors, values] = [adapter.tensorReader(), base.tensorReader()];
  const measurer = new BaseMeasurer(
    adapter,
    (tensor, offset, length) => factors.readRange(tensor, offset, length, signal),
    (tensor, offset, length) => values.readRange(tensor, offset, length, signal),
    signal,
  );
  const found: BaseRatio[] = [];
  const notFound = new Map<string, string[]>();
  const not = (why: string, module: string) => notFound.set(why, [...(notFound.get(why) ?? []), module]);
  try {
    for (const [index, part] of parts.entries()) {
      signal?.throwIfAborted();
      const { module } = part;
      report?.(index, parts.length, module);
      const inBase = moduleOfBase(module, adapter.adapterConfig?.layerRanges);
      const places = placesOf({ ...part, module: inBase }, weights);
      const [weight] = places;
      if (weight === undefined) not(missing, module);
      else if (places.some((each) => packed.has(each))) not(quantised, module);
      else {
        const norms = await ("change" in part
          ? measurer.transform(part, weight)
          : measurer.update(part, places));
        if (typeof norms === "string") not(norms, module);
        else if (norms !== undefined)
          found.push({ module, weight: nameOf(places), ...norms, ratio: norms.norm / norms.baseNorm });
      }
    }
  } finally {
    await Promise.all([factors.close(), values.close()]);
  }
  const total = Math.hypot(...found.map(({ baseNorm }) => baseNorm));
  return {
    modules: found,
    ratio: total > 0 ? Math.hypot(...found.map(({ norm }) => norm)) / total : undefined,
    problems: [...notFound].map(([why, modules]) => problemOf(why, modules)),
  };
}

/** The weights that a part changes: several where the base keeps each expert of a module of experts by itself. */
function placesOf(part: LoraModule | BaseTransform, weights: BaseWeights): readonly Tensor[] {
  const find = (path: string) => weights.find(path);
  const weight = weights.findOrTied(part.module);
  if ("change" in part) return weight === undefined ? [] : [weight];
  const experts = part.layout === "experts" ? expertWeights(part, find) : undefined;
  if (experts !== undefined) return experts;
  if (weight !== undefined) return [weight];
  const fused = rowsOfExpert(part, find);
  if (fused === undefined || !canBeSliced(fused.weight)) return [];
  const { first, count } = fused.rows;
  return [sliceOf(fused.weight, fused.weight.name, [count, part.inFeatures], first / count)];
}

function nameOf(places: readonly Tensor[]): string {
  const [first, last] = [places[0]?.name ?? "", places.at(-1)?.name ?? ""];
  return places.length < 2 ? first : `${first} … ${last}`;
}

const missing = "missing";
const quantised = "quantised";

/** @param why One of the above, or what `BaseMeasurer` says. */
function problemOf(why: string, modules: readonly string[]): Problem {
  const [code, what] =
    why === missing
      ? ["BaseWeightMissing", "no weight"]
      : why === ""
        ? ["BaseWeightShape", "a weight of another shape"]
        : why === quantised
          ? ["BaseWeightPacked", "a quantised weight"]
          : ["BaseChangeUnknown", "a weight"];
  const isWrong = why === missing || why === "";
  const rest = isWrong ? ". Is it the right base?" : why === quantised ? "." : `, but the method ${why}.`;
  const have = modules.length === 1 ? "has" : "have";
  const message = `${plural(modules.length, "module")} ${have} ${what} in the base model, e.g. ${modules[0]}${rest}`;
  return { severity: "warning", code, message };
}
