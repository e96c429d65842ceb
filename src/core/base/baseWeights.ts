import { modulePath } from "../adapter/loraKey";
import type { LoraModule } from "../adapter/loraModule";
import { measureTensor } from "../analysis/measureTensor";
import { PlainKernels } from "../analysis/plainKernels";
import { canonicalName } from "../names/canonicalName";
import type { Problem } from "../problem/problem";
import type { CheckpointSession } from "../session/checkpointSession";
import type { LongWork } from "../session/longWork";
import type { ReadTensorRange } from "../tensors/readTensorRange";
import { elementCount, type Tensor } from "../tensors/tensor";
import { plural } from "../text/quantities";
import { measureModule } from "../update/measureModule";

/** How large an update is beside the weight that it is added to. */
export interface BaseRatio {
  readonly module: string;
  /** Name of the weight in the base model. */
  readonly weight: string;
  /** ‖W‖_F. */
  readonly baseNorm: number;
  /** ‖ΔW‖_F / ‖W‖_F. */
  readonly ratio: number;
}

export interface BaseComparison {
  readonly modules: readonly BaseRatio[];
  /** √Σ‖ΔW‖² / √Σ‖W‖² over these modules. */
  readonly ratio: number | undefined;
  readonly problems: readonly Problem[];
}

/** Holds every module of an adapter against its base weight. The weights are read in pieces. */
export async function compareWithBase(
  adapter: CheckpointSession,
  base: CheckpointSession,
  { report, signal }: LongWork = {},
): Promise<BaseComparison> {
  const modules = adapter.adapter?.modules ?? [];
  const weights = new BaseWeights(base.checkpoint.tensors);
  const [factors, values] = [adapter.tensorReader(), base.tensorReader()];
  const readBase: ReadTensorRange = (tensor, offset, length) =>
    values.readRange(tensor, offset, length, signal);
  const kernels = new PlainKernels();
  const found: BaseRatio[] = [];
  const missing: string[] = [];
  const misfits: string[] = [];
  let updates = 0;
  try {
    for (const [index, module] of modules.entries()) {
      signal?.throwIfAborted();
      report?.(index, modules.length, module.module);
      const weight = weights.find(module.module);
      if (weight === undefined) missing.push(module.module);
      else if (!fits(module, weight)) misfits.push(module.module);
      else {
        const read = (tensor: Tensor) => factors.read(tensor, signal);
        const { metrics } = (await measureModule(module, read, signal)).measurement;
        const numbers = await measureTensor(weight, readBase, kernels, { signal });
        if (metrics === undefined || numbers === undefined) continue;
        const baseNorm = numbers.statistics.l2;
        updates = Math.hypot(updates, metrics.frobenius);
        found.push({
          module: module.module,
          weight: weight.name,
          baseNorm,
          ratio: metrics.frobenius / baseNorm,
        });
      }
    }
  } finally {
    await Promise.all([factors.close(), values.close()]);
  }
  const total = Math.hypot(...found.map(({ baseNorm }) => baseNorm));
  return {
    modules: found,
    ratio: total > 0 ? updates / total : undefined,
    problems: [
      ...absent("BaseWeightMissing", missing, "have no weight"),
      ...absent("BaseWeightShape", misfits, "have a weight of another shape"),
    ],
  };
}

function absent(code: string, modules: readonly string[], what: string): readonly Problem[] {
  if (modules.length === 0) return [];
  const message = `${plural(modules.length, "module")} ${what} in the base model, e.g. ${modules[0]}. Is it the right base?`;
  return [{ severity: "warning", code, message }];
}

/** The base keeps a weight as ΔW, or turned: embeddings, and GPT-2's Conv1D. */
export function fits({ inFeatures, outFeatures }: LoraModule, { shape }: Tensor): boolean {
  const [rows = 0, ...rest] = shape;
  const cols = elementCount(rest);
  return (rows === outFeatures && cols === inFeatures) || (rows === inFeatures && cols === outFeatures);
}

/** Finds a module's weight by path, whatever wrapper, nesting or dialect either file is in. */
export class BaseWeights {
  private readonly byPath = new Map<string, Tensor>();
  /** Undefined where two weights have one canonical name: then it tells neither. */
  private readonly byCanonical = new Map<string, Tensor | undefined>();
  private readonly byEnding = new Map<string, Tensor | undefined>();

  constructor(tensors: readonly Tensor[]) {
    for (const tensor of tensors) {
      const path = modulePath(tensor.name).replace(/\.weight$/, "");
      this.byPath.set(path, tensor);
      addUnique(this.byCanonical, canonicalName(path), tensor);
      addUnique(this.byEnding, path.slice(path.indexOf(".") + 1), tensor);
    }
  }

  find(module: string): Tensor | undefined {
    return (
      this.byPath.get(module) ??
      this.byCanonical.get(canonicalName(module)) ??
      // `backbone.layers…` in one file and `layers…` in the other.
      this.byPath.get(module.slice(module.indexOf(".") + 1)) ??
      this.byEnding.get(module)
    );
  }
}

function addUnique(map: Map<string, Tensor | undefined>, key: string, tensor: Tensor): void {
  map.set(key, map.has(key) ? undefined : tensor);
}
