import { isPlainFileName } from "../../bytes/paths";
import { isJsonObject, jsonNumber } from "../../json/parseJson";
import { CheckpointError } from "../../problem/checkpointError";
import { maxListedProblems, maxShards } from "../../problem/limits";
import type { Problem } from "../../problem/problem";
import { ProblemList } from "../../problem/problemList";
import { formatCount } from "../../text/quantities";
import { describeBadShard, parseIndexRoot } from "../safetensors/shardIndex";

/** `model.weights.json` of Keras 3 (`ShardedH5IOStore`): groups of variables, and the files that each lies in. */
export interface KerasIndex {
  /** Path of a group, without `/` in front → plain names of files. */
  readonly groups: ReadonlyMap<string, readonly string[]>;
  /** Files in natural order. */
  readonly shardNames: readonly string[];
  /** Bytes of all variables; undefined where it is not said. */
  readonly totalSize: number | undefined;
  readonly problems: readonly Problem[];
}

/** @throws CheckpointError `InvalidIndex` where there is no usable weight_map. */
export function parseKerasIndex(text: string): KerasIndex {
  const root = parseIndexRoot(text);
  const written = root.get("weight_map");
  if (!isJsonObject(written))
    throw new CheckpointError("InvalidIndex", "The index has no weight_map object.");
  const problems = new ProblemList(maxListedProblems);
  const groups = new Map<string, readonly string[]>();
  const shards = new Set<string>();
  for (const [path, value] of written) {
    const names = (Array.isArray(value) ? value : [value]).filter((name) => {
      const isPlain = typeof name === "string" && isPlainFileName(name);
      if (!isPlain) problems.addLazily("UnsafeShardName", () => describeBadShard(path, name));
      return isPlain;
    }) as string[];
    groups.set(path.replace(/^\//, ""), names);
    for (const name of names) shards.add(name);
  }
  if (shards.size > maxShards) {
    const message = `The index names ${formatCount(shards.size)} files; a model is read with up to ${formatCount(maxShards)}.`;
    throw new CheckpointError("InvalidIndex", message);
  }
  const metadata = root.get("metadata");
  return {
    groups,
    shardNames: [...shards].sort(new Intl.Collator("en", { numeric: true }).compare),
    totalSize: isJsonObject(metadata) ? jsonNumber(metadata.get("total_size")) : undefined,
    problems: problems.toArray(),
  };
}
