import type { Problem } from "../problem/problem";
import type { CheckpointSession } from "../session/checkpointSession";
import type { LongWork } from "../session/longWork";
import { plural } from "../text/quantities";
import { BaseMeasurer } from "./baseMeasurer";
import { baseTransforms } from "./baseTransforms";
import { BaseWeights } from "./baseWeights";

/** How far an adapter moves a weight. */
export interface BaseRatio {
  readonly module: string;
  /** Name of the weight in the base model. */
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
      const weight = weights.find(module);
      if (weight === undefined) not(missing, module);
      else if (packed.has(weight)) not(quantised, module);
      else {
        const norms = await ("change" in part
          ? measurer.transform(part, weight)
          : measurer.update(part, weight));
        if (typeof norms === "string") not(norms, module);
        else if (norms !== undefined)
          found.push({ module, weight: weight.name, ...norms, ratio: norms.norm / norms.baseNorm });
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
