import { isBuffer } from "./buffers";
import type { PackingHints } from "./packed/packedWeight";
import { packingOf } from "./packed/packings";
import { elementCount, type Tensor } from "./tensor";

/**
 * How many of the model's parameters each tensor stands for, as the model's own code counts them: packed weights are
 * counted unpacked; scales, zero points, maps and buffers count nothing.
 * @param standsFor what the file itself says of tensors, by their names.
 */
export function logicalParameters(
  tensors: readonly Tensor[],
  hints: PackingHints = {},
  standsFor?: ReadonlyMap<string, number>,
): Float64Array {
  const counts = new Float64Array(tensors.length);
  tensors.forEach((tensor, index) => {
    counts[index] = isBuffer(tensor) ? 0 : elementCount(tensor.shape);
  });
  // Of a million plain tensors nobody asks for a name.
  let known: Map<string, number> | undefined;
  const indexByName = () => {
    known ??= new Map(tensors.map((tensor, index) => [tensor.name, index]));
    return known;
  };
  tensors.forEach((tensor, index) => {
    const found = packingOf(
      tensor,
      (name) => indexByName().has(name),
      ({ count, telling }) => (count === undefined ? [] : telling),
    );
    if (found === undefined) return;
    const { packing, module } = found;
    const indexOf = (ending: string) => indexByName().get(module + ending);
    const count = packing.count?.(tensor, (ending) => tensors[indexOf(ending) ?? -1], hints);
    if (count !== undefined) counts[index] = count;
    for (const ending of packing.bookkeeping) {
      const other = indexOf(ending);
      if (other !== undefined) counts[other] = 0;
    }
  });
  if (standsFor !== undefined)
    tensors.forEach(({ name }, index) => {
      const count = standsFor.get(name);
      if (count !== undefined) counts[index] = count;
    });
  return counts;
}
