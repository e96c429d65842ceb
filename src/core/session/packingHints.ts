import { isJsonArray, isJsonObject, type JsonValue, jsonNumber, jsonString } from "../json/parseJson";
import type { PackingHints } from "../tensors/packed/packedWeight";

/** `quantization_config` of transformers or `quantization` of MLX; compressed-tensors nests the bits by group. */
export function packingHints(config: JsonValue | undefined): PackingHints {
  const stated = member(config, "quantization_config") ?? member(config, "quantization");
  const groups = member(stated, "config_groups");
  const [group] = isJsonObject(groups) ? [...groups.values()] : [];
  const bits =
    numberOf(stated, "bits") ??
    numberOf(stated, "w_bit") ??
    numberOf(stated, "nbits") ??
    numberOf(member(group, "weights"), "num_bits");
  const groupSize = numberOf(stated, "group_size");
  const block = member(stated, "weight_block_size");
  const [rows, columns] = isJsonArray(block) ? block.map(jsonNumber) : [];
  return {
    ...(bits !== undefined && bits > 0 && bits <= 32 ? { bits } : {}),
    ...(groupSize !== undefined && groupSize > 0 ? { groupSize } : {}),
    ...(rows !== undefined && columns !== undefined && rows > 0 && columns > 0
      ? { blockSize: [rows, columns] }
      : {}),
    ...(jsonString(member(stated, "checkpoint_format")) === "gptq_v2" ? { isGptqV2: true } : {}),
  };
}

function member(value: JsonValue | undefined, key: string): JsonValue | undefined {
  return isJsonObject(value) ? value.get(key) : undefined;
}

function numberOf(value: JsonValue | undefined, key: string): number | undefined {
  return jsonNumber(member(value, key));
}
