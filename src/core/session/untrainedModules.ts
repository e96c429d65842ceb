import type { LoraModule } from "../adapter/loraModule";
import type { Problem } from "../problem/problem";
import type { Tensor } from "../tensors/tensor";
import { formatCount, plural } from "../text/quantities";

/**
 * Modules that are as they were initialised, one factor all zeros: mostly B, of PiSSA's kin and embeddings A.
 * @param count Of all modules of the adapter, of which these may be some that were looked into, at their first values.
 */
export function untrainedModules(
  modules: readonly LoraModule[],
  isZero: (tensor: Tensor) => boolean,
  count: number,
): readonly Problem[] {
  const zero = modules.filter(({ a, b }) => isZero(b) || isZero(a));
  const [first] = zero;
  if (first === undefined) return [];
  return [
    { severity: "warning", code: "Untrained", message: messageOf(first, zero.length, modules.length, count) },
  ];
}

function messageOf(first: LoraModule, zero: number, looked: number, count: number): string {
  if (looked < count) {
    const which = `${formatCount(zero)} of ${plural(looked, "module")} that were looked into, of ${formatCount(count)}`;
    return `The adapter seems ${zero === looked ? "" : "partly "}untrained: in ${which}, one factor is all zeros in what was read of it, first in ${first.module}.`;
  }
  if (zero < looked)
    return `In ${formatCount(zero)} of ${plural(looked, "module")} one factor is all zeros, first in ${first.module}: these were not trained and change nothing.`;
  return `The adapter is untrained: in ${looked === 1 ? "its only module" : `all ${plural(looked, "module")}`} one factor is all zeros, so that it changes nothing.`;
}

/** Of tensors that were read as a whole. DoRA's weight is its direction times its magnitude, whatever the factors are. */
export function zeroMagnitudes(
  modules: readonly LoraModule[],
  isZero: (tensor: Tensor) => boolean,
): readonly Problem[] {
  const zero = modules.filter(({ magnitude }) => magnitude !== undefined && isZero(magnitude));
  const [first] = zero;
  if (first?.magnitude === undefined) return [];
  const message = `The magnitudes of DoRA are all zeros in ${formatCount(zero.length)} of ${plural(modules.length, "module")}, first in ${first.module}: they multiply the whole weight, of which nothing is left. They were not filled in, or not saved.`;
  return [{ severity: "error", code: "MagnitudesZero", message, tensor: first.magnitude.name }];
}
