import { JsonSyntaxError } from "../../json/jsonScanner";
import { isJsonArray, isJsonObject, type JsonObject, parseJson } from "../../json/parseJson";
import type { Tensor } from "../../tensors/tensor";

/** What a safetensors file says of its tensors where they are parts of larger ones. */
export const shardingKey = "DCP_SHARDING_INFO";

/** `shard-00002-model-00001-of-00001.safetensors`: the number of the rank from 1, and of its file. */
const pieceName = /^shard-(\d{1,7})-.+-\d{1,7}-of-\d{1,7}\.safetensors$/;

export function isSafetensorsPiece(name: string): boolean {
  return pieceName.test(name);
}

/** From 0, as everywhere else. */
export function rankOfPiece(name: string): number | undefined {
  const number = pieceName.exec(name)?.[1];
  return number === undefined ? undefined : Number(number) - 1;
}

/** By the names of the tensors; undefined where the file says nothing that can be read. */
export function shardingInfo(metadata: ReadonlyMap<string, string>): JsonObject | undefined {
  const text = metadata.get(shardingKey);
  if (text === undefined) return undefined;
  try {
    const { value } = parseJson(text);
    return isJsonObject(value) ? value : undefined;
  } catch (error) {
    if (error instanceof JsonSyntaxError) return undefined;
    throw error;
  }
}

/**
 * Where the tensor begins in the larger one, by axes. A tensor that the file says nothing of is whole.
 * @returns undefined where what the file says makes no sense
 */
export function savedOffsets(
  info: JsonObject | undefined,
  { name, shape }: Tensor,
): readonly number[] | undefined {
  const entry = info?.get(name);
  if (entry === undefined) return shape.map(() => 0);
  const offsets = isJsonObject(entry) ? entry.get("saved_offsets") : undefined;
  if (!isJsonArray(offsets) || offsets.length !== shape.length) return undefined;
  const numbers = offsets.map((offset) => Number(offset));
  return numbers.every((offset) => Number.isSafeInteger(offset) && offset >= 0) ? numbers : undefined;
}
