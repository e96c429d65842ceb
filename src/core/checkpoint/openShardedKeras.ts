import type { Files } from "../bytes/files";
import { baseName, parentPath } from "../bytes/paths";
import { type KerasIndex, parseKerasIndex } from "../formats/keras/kerasIndex";
import { kerasTensors } from "../formats/keras/kerasMoments";
import { trainingTree } from "../formats/trainingTree";
import type { ProblemList } from "../problem/problemList";
import { inNameOrder } from "../tensors/nameOrder";
import type { Tensor } from "../tensors/tensor";
import { quote } from "../text/quote";
import type { Checkpoint } from "./checkpoint";
import type { Shard } from "./openShard";
import { checkTotalSize, openIndexed } from "./openShardedModel";

/** Keras 3 writes `m.weights.json` beside `m_00000.weights.h5`, `m_00001.weights.h5`, …. */
export const kerasIndexEnding = ".weights.json";

/** The index of the model that a file of this name is a part of; undefined for names that are no part. */
export function kerasIndexOf(name: string): string | undefined {
  const stem = /^(.+)_\d{5,}\.weights\.h5$/.exec(name)?.[1];
  return stem === undefined ? undefined : `${stem}${kerasIndexEnding}`;
}

/**
 * Opens all files that the index of a sharded Keras model names as one, with the optimizer's variables in their order.
 * @throws CheckpointError where the index cannot be read.
 */
export async function openShardedKeras(
  files: Files,
  path: string,
  signal?: AbortSignal,
): Promise<Checkpoint> {
  const { index, shards, problems } = await openIndexed(files, path, parseKerasIndex, signal);
  const tensors = mergeTensors(shards, problems);
  reportEmptyGroups(index, shards, tensors, problems);
  checkTotalSize(index, tensors, path, shards, problems);
  const content = trainingTree(tensors, kerasTensors(tensors));
  return {
    path,
    name: baseName(path),
    folder: parentPath(path),
    format: "hdf5",
    ...(content === undefined ? {} : { content }),
    files: shards.map(({ file }) => file),
    tensors: inNameOrder(tensors),
    metadata: new Map(shards.flatMap(({ parsed }) => [...(parsed?.metadata ?? [])])),
    aliases: new Map(shards.flatMap(({ parsed }) => [...(parsed?.aliases ?? [])])),
    wholeModelPath: undefined,
    problems: problems.toArray(),
  };
}

function mergeTensors(shards: readonly Shard[], problems: ProblemList): readonly Tensor[] {
  const merged = new Map<string, Tensor>();
  for (const [fileIndex, { file, parsed }] of shards.entries()) {
    for (const tensor of parsed?.tensors ?? []) {
      if (!merged.has(tensor.name)) merged.set(tensor.name, { ...tensor, fileIndex });
      else
        problems.addLazily("OverlappingShards", () => ({
          severity: "warning",
          code: "OverlappingShards",
          message: `Tensor ${quote(tensor.name)} is also in ${file.name}. The files may come from different saves.`,
          file: file.path,
          tensor: tensor.name,
        }));
    }
  }
  return [...merged.values()];
}

/** Groups of which a file has no variable that should have some, where the file itself could be read. */
function reportEmptyGroups(
  { groups }: KerasIndex,
  shards: readonly Shard[],
  tensors: readonly Tensor[],
  problems: ProblemList,
): void {
  const held = new Set(
    tensors.map(({ name, fileIndex }) => `${fileIndex} ${name.replace(/(?:^|\/)[^/]*$/, "")}`),
  );
  const readable = new Map(
    shards.flatMap(({ file, parsed }, at) => (parsed === undefined ? [] : [[file.name, at] as const])),
  );
  for (const [group, names] of groups) {
    for (const name of names) {
      const at = readable.get(name);
      if (at === undefined || held.has(`${at} ${group}`)) continue;
      problems.addLazily("MissingTensor", () => ({
        severity: "error",
        code: "MissingTensor",
        message: `Variables of ${quote(group)} should be in ${name}, but none is there. The files may come from different saves.`,
      }));
    }
  }
}
