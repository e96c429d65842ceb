import { isPlainFileName } from "../../bytes/paths";
import { JsonSyntaxError } from "../../json/jsonScanner";
import {
  formatJson,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  jsonNumber,
  parseJson,
} from "../../json/parseJson";
import { utf8Length } from "../../json/textOffsets";
import { CheckpointError } from "../../problem/checkpointError";
import { maxListedProblems, maxShards } from "../../problem/limits";
import type { Problem } from "../../problem/problem";
import { ProblemList } from "../../problem/problemList";
import { formatCount } from "../../text/quantities";
import { quote } from "../../text/quote";

/** `model.safetensors.index.json` of a sharded model (Hugging Face transformers, `save_pretrained`). */
export interface ShardIndex {
  /** Tensor name → plain name of the shard that should hold it. */
  readonly weightMap: ReadonlyMap<string, string>;
  /** Shards in natural order. */
  readonly shardNames: readonly string[];
  /** Bytes of all tensors as the writer counted them; may be missing or wrong. */
  readonly totalSize: number | undefined;
  readonly problems: readonly Problem[];
}

/** What trainers call an index. People call other things so: the index of a data set. */
const indexName = /\.(?:safetensors|bin|pt|pth)(?:\.[\w-]+)?\.index\.json$|model[\w.-]*\.index\.json$/i;

/**
 * @param name of the file, which tells whether it must be an index
 * @throws CheckpointError `InvalidIndex` when there is no usable weight_map.
 */
export function parseShardIndex(text: string, name = "model.safetensors.index.json"): ShardIndex {
  const root = parseIndexRoot(text);
  const written = root.get("weight_map");
  if (written === undefined && !indexName.test(name)) {
    const message =
      "This is JSON text without a weight_map: an index of something else, not of a checkpoint.";
    throw new CheckpointError("UnsupportedFormat", message, 0);
  }
  if (!isJsonObject(written))
    throw new CheckpointError("InvalidIndex", "The index has no weight_map object.");
  const problems = new ProblemList(maxListedProblems);
  const shards = new Set<string>();
  const isUsable = (shard: JsonValue): shard is string =>
    typeof shard === "string" && (shards.has(shard) || isPlainFileName(shard));
  let usable = 0;
  for (const [tensor, shard] of written) {
    if (isUsable(shard)) {
      shards.add(shard);
      usable++;
    } else problems.addLazily("UnsafeShardName", () => describeBadShard(tensor, shard));
  }
  // Of a million tensors a second map would take as much again.
  const weightMap =
    usable === written.size
      ? (written as ReadonlyMap<string, string>)
      : new Map([...written].filter((entry): entry is [string, string] => isUsable(entry[1])));
  const metadata = root.get("metadata");
  const totalSize = isJsonObject(metadata) ? jsonNumber(metadata.get("total_size")) : undefined;
  if (shards.size > maxShards) {
    const message = `The index names ${formatCount(shards.size)} shards; a model is read with up to ${formatCount(maxShards)}.`;
    throw new CheckpointError("InvalidIndex", message);
  }
  const shardNames = [...shards].sort(new Intl.Collator("en", { numeric: true }).compare);
  return { weightMap, shardNames, totalSize, problems: problems.toArray() };
}

/** @throws CheckpointError `InvalidIndex` where it is no JSON object. */
export function parseIndexRoot(text: string): JsonObject {
  try {
    const { value, truncatedAt } = parseJson(text);
    if (truncatedAt !== undefined) {
      const message = "The index ends early: it is half-written or was cut.";
      throw new CheckpointError("InvalidIndex", message, utf8Length(text, 0, truncatedAt));
    }
    if (!isJsonObject(value)) throw new CheckpointError("InvalidIndex", "The index is not a JSON object.", 0);
    return value;
  } catch (error) {
    if (error instanceof JsonSyntaxError) {
      const message = `The index is not valid JSON: ${error.message}.`;
      throw new CheckpointError("InvalidIndex", message, utf8Length(text, 0, error.offset));
    }
    throw error;
  }
}

/** A name that leads elsewhere, or is none. */
export function describeBadShard(tensor: string, shard: JsonValue): Problem {
  const message =
    `The index places ${quote(tensor)} in ${formatJson(shard).slice(0, 80)}. ` +
    "Shards must be plain file names beside the index; this one is not opened.";
  return { severity: "error", code: "UnsafeShardName", message, tensor };
}
