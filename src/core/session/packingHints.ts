import { isJsonArray, isJsonObject, type JsonValue, jsonNumber, jsonString } from "../json/parseJson";
import type { PackingHints } from "../tensors/packed/packedWeight";

/** `quantization_config` of transformers or `quantization` of MLX; compressed-tensors nests the bits by group, HQQ by what they are of. */
export function packingHints(config: JsonValue | undefined): PackingHints {
  const stated = member(config, "quantization_config") ?? member(config, "quantization");
  const groups = member(stated, "config_groups");
  const weights = isJsonObject(groups) ? [...groups.values()].map((group) => member(group, "weights")) : [];
  // Groups of several kinds say nothing of one weight.
  const common = (key: string) => {
    const found = new Set(weights.map((each) => numberOf(each, key)));
    return found.size === 1 ? [...found][0] : undefined;
  };
  const ofHqq = member(member(stated, "quant_config"), "weight_quant_params");
  const bits =
    numberOf(stated, "bits") ??
    numberOf(stated, "w_bit") ??
    numberOf(stated, "nbits") ??
    numberOf(ofHqq, "nbits") ??
    common("num_bits");
  const modules = modulesOf(stated);
  const block = member(stated, "weight_block_size");
  const [rows, columns] = isJsonArray(block) ? block.map(jsonNumber) : [];
  return {
    ...bitsAndGroups(
      bits,
      numberOf(stated, "group_size") ?? numberOf(ofHqq, "group_size") ?? common("group_size"),
    ),
    ...(modules.size > 0 ? { modules } : {}),
    ...(rows !== undefined && columns !== undefined && rows > 0 && columns > 0
      ? { blockSize: [rows, columns] }
      : {}),
    ...(jsonString(member(stated, "checkpoint_format")) === "gptq_v2" ? { isGptqV2: true } : {}),
  };
}

function bitsAndGroups(bits: number | undefined, groupSize: number | undefined) {
  return {
    ...(bits !== undefined && bits > 0 && bits <= 32 ? { bits } : {}),
    ...(groupSize !== undefined && groupSize > 0 ? { groupSize } : {}),
  };
}

/** MLX names the modules that are packed in another way than the rest. */
function modulesOf(stated: JsonValue | undefined) {
  const entries = isJsonObject(stated) ? [...stated] : [];
  return new Map(
    entries.flatMap(([name, own]) => {
      const [bits, groupSize] = [numberOf(own, "bits"), numberOf(own, "group_size")];
      return bits === undefined && groupSize === undefined ? [] : [[name, bitsAndGroups(bits, groupSize)]];
    }),
  );
}

function member(value: JsonValue | undefined, key: string): JsonValue | undefined {
  return isJsonObject(value) ? value.get(key) : undefined;
}

function numberOf(value: JsonValue | undefined, key: string): number | undefined {
  return jsonNumber(member(value, key));
}
