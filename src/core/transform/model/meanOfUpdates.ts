import type { Adapter } from "../../adapter/adapter";
import { hasStoredFactors } from "../../adapter/factorLayout";
import type { LoraModule } from "../../adapter/loraModule";
import { isProductMethod, methodName } from "../../adapter/methods/methodTable";
import type { TensorReader } from "../../checkpoint/tensorReader";
import { createMatrix, type Matrix } from "../../linalg/matrix";
import type { Problem } from "../../problem/problem";
import { formatShare } from "../../text/quantities";
import { type Factors, loadFactors, UpdateUnavailableError } from "../../update/factors";
import { UpdateAnalysis } from "../../update/updateAnalysis";
import { stacked } from "../combine/measureSum";

/** Methods whose effect is linear in what they train: the mean of their tensors is the mean of their effects. */
const linearMethods: ReadonlySet<string> = new Set(["BEFT", "C3A", "FULL", "IA3", "LN_TUNING"]);

/** What is said of an average of adapters, before and after. */
export function factorsAveraged({ method }: Pick<Adapter, "method">, error?: number): readonly Problem[] {
  if (linearMethods.has(method)) return [];
  if (!isProductMethod(method)) {
    const message = `These are adapters of ${methodName(method)}: the mean of what they train, as of checkpoints of one training, is not the mean of what they do.`;
    return [{ severity: "warning", code: "FactorsAveraged", message }];
  }
  const measured =
    error === undefined
      ? ""
      : ` Here ΔW of the result is ${formatShare(error)} of its norm from the mean of ΔW.`;
  const message = `These are adapters: the mean of A and the mean of B, as of checkpoints of one training, is not the mean of B · A.${measured} Combining the adapters with weights that sum to 1 gives that exactly, at a higher rank.`;
  return [{ severity: "warning", code: "FactorsAveraged", message }];
}

/**
 * How far the update of averaged factors lies from the average of the updates, over ‖the latter‖, all modules together:
 * ‖(Σ wᵢBᵢ)(Σ wᵢAᵢ) − Σ wᵢBᵢAᵢ‖ / ‖Σ wᵢBᵢAᵢ‖. Undefined where a module is no plain pair of factors in all of them.
 */
export async function meanError(...given: Parameters<typeof measuredError>): Promise<number | undefined> {
  try {
    return await measuredError(...given);
  } catch (error) {
    if (error instanceof UpdateUnavailableError) return undefined;
    throw error;
  }
}

async function measuredError(
  adapters: readonly (Adapter | undefined)[],
  shares: readonly number[],
  readers: readonly TensorReader[],
  signal?: AbortSignal,
): Promise<number | undefined> {
  const [first, ...others] = adapters;
  if (first === undefined || first.modules.length === 0) return undefined;
  const byName = others.map((each) => new Map(each?.modules.map((module) => [module.module, module])));
  let [square, total] = [0, 0];
  for (const module of first.modules) {
    const own = [module, ...byName.map((modules) => modules.get(module.module))];
    if (!own.every(isPlain)) return undefined;
    const factors = await Promise.all(
      own.map((each, at) =>
        loadFactors(each, (tensor) => (readers[at] as TensorReader).read(tensor, signal), signal),
      ),
    );
    const parts = factors.map((each, at) => ({ weight: shares[at] as number, factors: each }));
    const averaged = { weight: -1, factors: meanOf(factors, shares) };
    const exact = new UpdateAnalysis(stacked(parts)).metrics;
    const apart = new UpdateAnalysis(stacked([averaged, ...parts])).metrics;
    if (!exact.finite || !apart.finite) return undefined;
    total += exact.frobenius ** 2;
    square += apart.frobenius ** 2;
  }
  return total > 0 ? Math.sqrt(square / total) : undefined;
}

function isPlain(module: LoraModule | undefined): module is LoraModule {
  return (
    module !== undefined &&
    hasStoredFactors(module.layout) &&
    module.diagonal === undefined &&
    module.mid === undefined
  );
}

function meanOf(factors: readonly Factors[], shares: readonly number[]): Factors {
  const scale = factors.reduce((sum, each, at) => sum + each.scale * (shares[at] as number), 0);
  const mean = (part: "a" | "b"): Matrix => {
    const { rows, cols } = (factors[0] as Factors)[part];
    const sum = createMatrix(rows, cols);
    for (const [at, each] of factors.entries())
      for (let i = 0; i < sum.data.length; i++)
        sum.data[i] = (sum.data[i] as number) + (shares[at] as number) * (each[part].data[i] as number);
    return sum;
  };
  return { a: mean("a"), b: mean("b"), scale, alpha: undefined, finite: true };
}
