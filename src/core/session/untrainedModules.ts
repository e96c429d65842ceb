import type { LoraModule } from "../adapter/loraModule";
import type { Problem } from "../problem/problem";
import type { Tensor } from "../tensors/tensor";
import { formatCount, plural } from "../text/quantities";

/**
 * Modules that are as they were initialised, one factor all zeros: mostly B, of PiSSA's kin and embeddings A.
 * @param isAll Whether these are all modules of the adapter, or some that were looked into.
 */
export function untrainedModules(
  modules: readonly LoraModule[],
  isZero: (tensor: Tensor) => boolean,
  isAll: boolean,
): readonly Problem[] {
  const zero = modules.filter(({ a, b }) => isZero(b) || isZero(a));
  const [first] = zero;
  if (first === undefined) return [];
  const looked = `${plural(modules.length, "module")}${isAll ? "" : " that were looked into"}`;
  const message =
    zero.length < modules.length
      ? `In ${formatCount(zero.length)} of ${looked} one factor is all zeros, first in ${first.module}: these were not trained and change nothing.`
      : `The adapter is untrained: in ${isAll && modules.length === 1 ? "its only module" : `all ${looked}`} one factor is all zeros, so that it changes nothing.`;
  return [{ severity: "warning", code: "Untrained", message }];
}
