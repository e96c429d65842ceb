import { elementCount } from "../tensors/tensor";
import type { ScannedTensor } from "./layerOutliers";

/** Smaller ones are equal by chance, or because they are scalars of the same setting. */
const fewestValues = 64;

/**
 * Groups of tensors that have the same type, shape and statistics to the last bit, so that only their bytes are
 * hashed. Where all values are the same, as in fresh norms, equality says nothing.
 */
export function duplicateCandidates(
  tensors: readonly ScannedTensor[],
): readonly (readonly ScannedTensor[])[] {
  const groups = new Map<string, ScannedTensor[]>();
  for (const tensor of tensors) {
    const { min, max, mean, std, l2, zeros } = tensor.statistics;
    if (elementCount(tensor.shape) < fewestValues || min === max || !Number.isFinite(std)) continue;
    const key = [tensor.dtype, tensor.shape.join("x"), min, max, mean, std, l2, zeros].join("|");
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [tensor]);
    else group.push(tensor);
  }
  return [...groups.values()].filter((group) => group.length > 1);
}
