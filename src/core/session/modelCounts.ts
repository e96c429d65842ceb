import type { Checkpoint } from "../checkpoint/checkpoint";
import type { FolderContext } from "../checkpoint/folderContext";
import type { InsideFile } from "../checkpoint/insideFile";
import { placeOf } from "../optimizer/modelParameters";
import { modelsInside } from "../optimizer/modelsInside";
import { logicalParameters } from "../tensors/logicalParameters";
import { packingHints } from "./packingHints";

/**
 * The model's parameters that each tensor of a checkpoint stands for: packed weights unpacked, and nothing for what
 * lies beside the model: an optimizer's state, metrics, values of callbacks, random states. A tensor that is reached
 * by two ways counts once.
 */
export function modelCounts(
  checkpoint: Checkpoint,
  folder: FolderContext,
  inside: InsideFile | undefined,
): Float64Array {
  const { tensors, content } = checkpoint;
  const counts = logicalParameters(tensors, packingHints(folder.config?.value));
  if (content === undefined) return counts;
  const ofOptimizers = new Set(
    (inside?.optimizers ?? []).flatMap(({ parameters }) =>
      parameters.flatMap((parameter) => [...parameter.tensors.values()].map(({ name }) => name)),
    ),
  );
  const prefixes = modelsInside(content).map((path) => `${path}.`);
  const seen = new Set<string>();
  return counts.map((count, index) => {
    const tensor = tensors[index];
    if (tensor === undefined || ofOptimizers.has(tensor.name)) return 0;
    if (prefixes.length > 0 && !prefixes.some((prefix) => tensor.name.startsWith(prefix))) return 0;
    const place = placeOf(tensor);
    if (place === undefined) return count;
    if (seen.has(place)) return 0;
    seen.add(place);
    return count;
  });
}
