import type { Files } from "../bytes/files";
import { mapParallel } from "../bytes/mapParallel";
import { baseName, joinPath, parentPath } from "../bytes/paths";
import { CheckpointError } from "../problem/checkpointError";
import { maxListedProblems, maxShards, parallelShardReads } from "../problem/limits";
import type { Problem } from "../problem/problem";
import { ProblemList } from "../problem/problemList";
import { inNameOrder } from "../tensors/nameOrder";
import type { Tensor } from "../tensors/tensor";
import { formatCount } from "../text/quantities";
import { quote } from "../text/quote";
import type { Checkpoint } from "./checkpoint";
import { openShard, type Shard } from "./openShard";

/** As llama.cpp's `llama_split_path` names the parts of a model. */
const partName = /^(.+)-(\d{5})-of-(\d{5})\.gguf$/i;

export function isSplitGguf(path: string): boolean {
  return partName.test(baseName(path));
}

/**
 * Opens all parts of a split model as one, whichever of them was asked for. The keys stand in the first part, which
 * may have no tensors; each part has its own data.
 * @throws CheckpointError where none of the parts can be read.
 */
export async function openSplitGguf(files: Files, path: string, signal?: AbortSignal): Promise<Checkpoint> {
  const folder = parentPath(path);
  const [, stem = "", , total = ""] = partName.exec(baseName(path)) ?? [];
  // The name may lie: there are no more parts to look for than a model may have.
  const count = Math.min(Number(total), maxShards);
  const names = Array.from(
    { length: count },
    (_, at) => `${stem}-${`${at + 1}`.padStart(5, "0")}-of-${total}.gguf`,
  );
  if (!names.includes(baseName(path))) names.push(baseName(path));
  const shards = await mapParallel(names, parallelShardReads, (name) =>
    openShard(files, joinPath(folder, name), signal),
  );
  const [failure] = shards.flatMap((shard) => shard.failure ?? []);
  if (failure !== undefined && shards.every(({ parsed }) => parsed === undefined)) throw failure;
  const problems = new ProblemList(maxListedProblems);
  for (const shard of shards) reportPart(shard, problems);
  const tensors = mergeTensors(shards, problems);
  const [first] = shards.flatMap(({ parsed }) => (parsed === undefined ? [] : [parsed]));
  if (first === undefined)
    throw new CheckpointError("NotFound", "No part of the model is here.", undefined, path);
  checkCounts(shards, first.metadata, tensors, problems);
  const metadata = new Map(shards.toReversed().flatMap(({ parsed }) => [...(parsed?.metadata ?? [])]));
  return {
    path,
    name: baseName(path),
    folder,
    format: first.format,
    files: shards.map(({ file }) => file),
    tensors,
    metadata,
    aliases: new Map(),
    wholeModelPath: undefined,
    problems: problems.toArray(),
  };
}

function reportPart({ file, parsed, failure }: Shard, problems: ProblemList): void {
  if (failure !== undefined) problems.add(failure.toProblem());
  for (const problem of parsed?.problems ?? []) {
    // That it is a part goes without saying where the others are read as well.
    if (problem.code !== "SplitPart") problems.add({ ...problem, file: file.path });
  }
  if (file.status !== "missing") return;
  const message = `Part ${file.name} of the split model is missing. Its tensors cannot be shown; copy it beside the others.`;
  problems.add({ severity: "error", code: "MissingShard", message, file: file.path });
}

function mergeTensors(shards: readonly Shard[], problems: ProblemList): readonly Tensor[] {
  const merged = new Map<string, Tensor>();
  for (const [fileIndex, { file, parsed }] of shards.entries()) {
    for (const tensor of parsed?.tensors ?? []) {
      if (!merged.has(tensor.name)) {
        merged.set(tensor.name, { ...tensor, fileIndex });
        continue;
      }
      problems.addLazily("OverlappingShards", () => ({
        severity: "warning",
        code: "OverlappingShards",
        message: `Tensor ${quote(tensor.name)} is also in ${file.name}. The parts may come from different models.`,
        file: file.path,
        tensor: tensor.name,
      }));
    }
  }
  return inNameOrder([...merged.values()]);
}

/** What the parts say of each other: their number, and how many tensors the whole has. */
function checkCounts(
  shards: readonly Shard[],
  metadata: ReadonlyMap<string, string>,
  tensors: readonly Tensor[],
  problems: ProblemList,
): void {
  const add = (code: string, message: string, file?: string) => {
    const problem: Problem = { severity: "warning", code, message, ...(file === undefined ? {} : { file }) };
    problems.add(problem);
  };
  for (const [at, { file, parsed }] of shards.entries()) {
    const number = parsed?.metadata.get("split.no");
    if (number !== undefined && Number(number) !== at)
      add(
        "WrongPart",
        `${file.name} says of itself that it is part ${Number(number) + 1}, not ${at + 1}. It may have been renamed.`,
        file.path,
      );
  }
  const wanted = Number(metadata.get("split.tensors.count"));
  const isWhole = shards.every(({ parsed }) => parsed !== undefined);
  if (isWhole && Number.isSafeInteger(wanted) && wanted !== tensors.length)
    add(
      "TensorCount",
      `The model should have ${formatCount(wanted)} tensors; its parts hold ${formatCount(tensors.length)}.`,
    );
}
