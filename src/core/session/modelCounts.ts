import type { Checkpoint } from "../checkpoint/checkpoint";
import type { FolderContext } from "../checkpoint/folderContext";
import type { InsideFile } from "../checkpoint/insideFile";
import { isJsonObject, type JsonValue, jsonNumber } from "../json/parseJson";
import { logicalParameters, type PackingHints } from "../tensors/logicalParameters";

/**
 * The model's parameters that each tensor of a checkpoint stands for: packed weights unpacked, and nothing for what
 * an optimizer keeps.
 */
export function modelCounts(
  { tensors }: Checkpoint,
  folder: FolderContext,
  inside: InsideFile | undefined,
): Float64Array {
  const counts = logicalParameters(tensors, packingHints(folder.config?.value));
  const ofOptimizers = new Set(
    (inside?.optimizers ?? []).flatMap(({ parameters }) =>
      parameters.flatMap((parameter) => [...parameter.tensors.values()].map(({ name }) => name)),
    ),
  );
  if (ofOptimizers.size === 0) return counts;
  return counts.map((count, index) => (ofOptimizers.has(tensors[index]?.name ?? "") ? 0 : count));
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
