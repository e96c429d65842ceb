import type { Checkpoint } from "../checkpoint/checkpoint";
import type { FolderContext } from "../checkpoint/folderContext";
import type { InsideFile } from "../checkpoint/insideFile";
import { isJsonObject, type JsonValue, jsonNumber } from "../json/parseJson";
import { placeOf } from "../optimizer/modelParameters";
import { modelsInside } from "../optimizer/modelsInside";
import { logicalParameters } from "../tensors/logicalParameters";
import type { PackingHints } from "../tensors/packed/packedWeight";

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

/** `quantization_config` of transformers or `quantization` of MLX; compressed-tensors nests the bits by group. */
function packingHints(config: JsonValue | undefined): PackingHints {
  const stated = member(config, "quantization_config") ?? member(config, "quantization");
  const groups = member(stated, "config_groups");
  const [group] = isJsonObject(groups) ? [...groups.values()] : [];
  const bits =
    numberOf(stated, "bits") ??
    numberOf(stated, "w_bit") ??
    numberOf(stated, "nbits") ??
    numberOf(member(group, "weights"), "num_bits");
  const groupSize = numberOf(stated, "group_size");
  return {
    ...(bits !== undefined && bits > 0 && bits <= 32 ? { bits } : {}),
    ...(groupSize !== undefined && groupSize > 0 ? { groupSize } : {}),
  };
}

function member(value: JsonValue | undefined, key: string): JsonValue | undefined {
  return isJsonObject(value) ? value.get(key) : undefined;
}

function numberOf(value: JsonValue | undefined, key: string): number | undefined {
  return jsonNumber(member(value, key));
}
