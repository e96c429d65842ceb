import type { Files } from "../bytes/files";
import { mapParallel } from "../bytes/mapParallel";
import { baseName, joinPath, parentPath } from "../bytes/paths";
import { readText } from "../bytes/readText";
import type { CheckpointFile } from "../formats/checkpointFile";
import type { FormatId } from "../formats/format";
import { mergeImports } from "../formats/importFinding";
import type { ReadFileResult } from "../formats/readFile";
import { parseShardIndex, type ShardIndex } from "../formats/safetensors/shardIndex";
import { CheckpointError } from "../problem/checkpointError";
import { maxIndexBytes, maxListedProblems, parallelShardReads } from "../problem/limits";
import type { Problem } from "../problem/problem";
import { ProblemList } from "../problem/problemList";
import { inNameOrder } from "../tensors/nameOrder";
import { formatShape, type Tensor } from "../tensors/tensor";
import { formatBytes, plural } from "../text/quantities";
import { quote } from "../text/quote";
import type { Checkpoint } from "./checkpoint";
import { openShard, type Shard } from "./openShard";

/**
 * Opens all shards that an index names as one model. What disagrees between index, shards and folder is
 * reported; the tensors that are there are shown.
 * @throws CheckpointError when the index itself cannot be read.
 */
export async function openShardedModel(
  files: Files,
  path: string,
  signal?: AbortSignal,
): Promise<Checkpoint> {
  const folder = parentPath(path);
  const { index, shards, problems } = await openIndexed(
    files,
    path,
    (text) => parseShardIndex(text, baseName(path)),
    signal,
  );
  reportDisagreeingMetadata(shards, problems);
  const tensors = mergeTensors(index, shards, problems);
  const extra = await findExtraShards(files, folder, index, problems);
  checkTotalSize(index, tensors, path, shards, problems);
  if (shards.some(({ file }) => file.status === "missing")) problems.add(whatIndexNames(index, path));
  return {
    path,
    name: baseName(path),
    folder,
    format: formatOf(shards),
    files: [...shards.map((shard) => shard.file), ...extra],
    tensors,
    metadata: mergeMaps(shards, (parsed) => parsed.metadata),
    aliases: mergeMaps(shards, (parsed) => parsed.aliases),
    wholeModelPath: undefined,
    ...importsOf(shards),
    problems: problems.toArray(),
  };
}

function formatOf(shards: readonly Shard[]): FormatId {
  return shards.find(({ parsed }) => parsed !== undefined)?.parsed?.format ?? "safetensors";
}

function importsOf(shards: readonly Shard[]): Pick<Checkpoint, "imports"> | object {
  const imports = shards.flatMap(({ parsed }) => parsed?.imports ?? []);
  return imports.length === 0 ? {} : { imports: mergeImports(imports) };
}

async function readIndex<Index>(
  files: Files,
  path: string,
  parse: (text: string) => Index,
  signal?: AbortSignal,
): Promise<Index> {
  try {
    return parse(await readText(files, path, maxIndexBytes, signal));
  } catch (error) {
    throw error instanceof CheckpointError ? error.inFile(path) : error;
  }
}

/**
 * An index and the shards that it names, with what is wrong with each.
 * @throws CheckpointError where the index cannot be read.
 */
export async function openIndexed<Index extends Pick<ShardIndex, "shardNames" | "problems">>(
  files: Files,
  path: string,
  parse: (text: string) => Index,
  signal?: AbortSignal,
): Promise<{ index: Index; shards: readonly Shard[]; problems: ProblemList }> {
  const index = await readIndex(files, path, parse, signal);
  const shards = await mapParallel(index.shardNames, parallelShardReads, (name) =>
    openShard(files, joinPath(parentPath(path), name), signal),
  );
  const problems = new ProblemList(maxListedProblems);
  for (const problem of index.problems) problems.add({ ...problem, file: path });
  for (const shard of shards) reportShard(shard, problems);
  return { index, shards, problems };
}

/** What is wrong with a shard by itself: it is missing, cannot be read, or its reader says so. */
function reportShard({ file, parsed, failure }: Shard, problems: ProblemList): void {
  if (failure !== undefined) problems.add(failure.toProblem());
  for (const problem of parsed?.problems ?? []) problems.add({ ...problem, file: file.path });
  if (file.status === "missing") {
    const message = `Shard ${file.name} is missing. Its tensors cannot be shown; copy it beside the index.`;
    problems.add({ severity: "error", code: "MissingShard", message, file: file.path });
  }
}

/** Shards of one save carry the same metadata; a step or a stage that differs tells that two saves were mixed. */
function reportDisagreeingMetadata(shards: readonly Shard[], problems: ProblemList): void {
  const first = new Map<string, { readonly value: string; readonly file: CheckpointFile }>();
  for (const { file, parsed } of shards) {
    for (const [key, value] of parsed?.metadata ?? []) {
      const known = first.get(key);
      if (known === undefined) first.set(key, { value, file });
      else if (known.value !== value) {
        problems.addLazily("DisagreeingShards", () => {
          const message = `Metadata ${quote(key)} is ${quote(value)} in ${file.name}, but ${quote(known.value)} in ${known.file.name}. The shards may come from different saves.`;
          return { severity: "warning", code: "DisagreeingShards", message, file: file.path };
        });
      }
    }
  }
}

/** One tensor a name; the place that the index names wins over others. */
function mergeTensors(index: ShardIndex, shards: readonly Shard[], problems: ProblemList): readonly Tensor[] {
  const placed = asIndexed(index, shards);
  if (placed !== undefined) return inNameOrder(placed);
  const merged = new Map<string, Tensor>();
  for (const [fileIndex, { file, parsed }] of shards.entries()) {
    for (const tensor of parsed?.tensors ?? []) {
      const { name } = tensor;
      const expected = index.weightMap.get(name);
      const other = merged.get(name);
      if (other !== undefined) {
        reportTensor(
          "OverlappingShards",
          name,
          () => `is also in ${file.name}${describeDifference(other, tensor)}`,
          file,
          problems,
        );
      }
      if (expected === undefined) {
        reportTensor(
          "UnlistedTensor",
          name,
          () => `is in ${file.name}, but not in the index`,
          file,
          problems,
        );
      } else if (expected !== file.name) {
        reportTensor(
          "WrongShard",
          name,
          () => `is in ${file.name}; the index says ${expected}`,
          file,
          problems,
        );
      }
      if (other === undefined || expected === file.name) merged.set(name, { ...tensor, fileIndex });
    }
  }
  reportAbsentTensors(index, shards, merged, problems);
  return inNameOrder([...merged.values()]);
}

/** All tensors, where each is in the shard that the index names and none is missing; else undefined. */
function asIndexed({ weightMap }: ShardIndex, shards: readonly Shard[]): readonly Tensor[] | undefined {
  const tensors: Tensor[] = [];
  for (const [fileIndex, { file, parsed }] of shards.entries()) {
    for (const tensor of parsed?.tensors ?? []) {
      if (weightMap.get(tensor.name) !== file.name) return undefined;
      tensors.push(fileIndex === 0 ? tensor : inFile(tensor, fileIndex));
    }
  }
  // A name is in one shard, and there once: readers of shards keep one tensor of a name.
  return tensors.length === weightMap.size ? tensors : undefined;
}

/** Written out, because a large model has a million: spreading one takes ten times as long. */
function inFile(tensor: Tensor, fileIndex: number): Tensor {
  const { name, dtype, shape, byteSize, offset, layout, assembly, packed, codes } = tensor;
  const isMore =
    layout !== undefined || assembly !== undefined || packed !== undefined || codes !== undefined;
  if (isMore) return { ...tensor, fileIndex };
  return { name, dtype, shape, byteSize, offset, fileIndex };
}

function describeDifference(a: Tensor, b: Tensor): string {
  const [first, second] = [a, b].map(({ dtype, shape }) => `${dtype}, ${formatShape(shape)}`);
  return first === second ? "" : `, as ${second} instead of ${first}`;
}

/** Names in the index that no shard holds, where the shard itself could be read. */
function reportAbsentTensors(
  index: ShardIndex,
  shards: readonly Shard[],
  merged: ReadonlyMap<string, Tensor>,
  problems: ProblemList,
): void {
  const readable = new Set(
    shards.filter((shard) => shard.parsed !== undefined).map((shard) => shard.file.name),
  );
  for (const [name, shardName] of index.weightMap) {
    if (merged.has(name) || !readable.has(shardName)) continue;
    problems.addLazily("MissingTensor", () => ({
      severity: "error",
      code: "MissingTensor",
      message: `Tensor ${quote(name)} should be in ${shardName}, but is not there.`,
      tensor: name,
    }));
  }
}

function reportTensor(
  code: string,
  tensor: string,
  fact: () => string,
  file: CheckpointFile,
  problems: ProblemList,
): void {
  problems.addLazily(code, () => {
    const message = `Tensor ${quote(tensor)} ${fact()}.`;
    return { severity: "warning", code, message, file: file.path, tensor };
  });
}

/** Files named like shards of this model that the index does not know: left from an earlier save. */
async function findExtraShards(
  files: Files,
  folder: string,
  index: ShardIndex,
  problems: ProblemList,
): Promise<CheckpointFile[]> {
  const pattern = /^(.+)-\d{5,6}-of-\d{5,6}\.(?:safetensors|bin|pt|pth)$/;
  const stems = new Set(index.shardNames.map((name) => pattern.exec(name)?.[1]));
  const known = new Set(index.shardNames);
  const extra: CheckpointFile[] = [];
  // A folder that may be entered but not listed still holds its shards.
  const entries = await files.list(folder).catch(() => []);
  for (const { name, kind } of entries) {
    const stem = pattern.exec(name)?.[1];
    if (kind !== "file" || known.has(name) || stem === undefined || !stems.has(stem)) continue;
    const path = joinPath(folder, name);
    extra.push({ name, path, bytes: (await files.stat(path))?.size ?? 0, status: "extra" });
    const message = `${name} is named like a shard of this model, but the index does not list it. It may be left from an earlier save.`;
    problems.add({ severity: "warning", code: "ExtraShard", message, file: path });
  }
  return extra;
}

/** `total_size` counts tensor bytes; writers are known to get it wrong, so a difference is only information. */
export function checkTotalSize(
  index: { readonly totalSize: number | undefined },
  tensors: readonly Tensor[],
  path: string,
  shards: readonly Shard[],
  problems: ProblemList,
): void {
  if (index.totalSize === undefined || shards.some((shard) => shard.parsed === undefined)) return;
  const actual = tensors.reduce((sum, tensor) => sum + tensor.byteSize, 0);
  if (actual === index.totalSize) return;
  const message = `The index counts ${formatBytes(index.totalSize)} of tensors; ${plural(tensors.length, "tensor")} with ${formatBytes(actual)} are there.`;
  problems.add({ severity: "info", code: "TotalSize", message, file: path });
}

/** What a model whose shards are not here consists of: the index is small, and says so much. */
function whatIndexNames({ weightMap, totalSize, shardNames }: ShardIndex, path: string): Problem {
  const names = [...weightMap.keys()];
  const codes = (["nf4", "fp4"] as const).flatMap((kind) => {
    const count = names.filter((name) => name.endsWith(`.quant_state.bitsandbytes__${kind}`)).length;
    return count === 0 ? [] : [`${plural(count, "weight")} in bitsandbytes' ${kind.toUpperCase()}`];
  });
  const size = totalSize === undefined ? "" : ` of ${formatBytes(totalSize)}`;
  const packed = codes.length === 0 ? "" : `, among them ${codes.join(" and ")}`;
  const message = `The index names ${plural(names.length, "tensor")}${size} in ${plural(shardNames.length, "shard")}${packed}.`;
  return { severity: "info", code: "ShardIndex", message, file: path };
}

function mergeMaps(
  shards: readonly Shard[],
  select: (parsed: ReadFileResult) => ReadonlyMap<string, string>,
): ReadonlyMap<string, string> {
  return new Map(shards.flatMap(({ parsed }) => (parsed === undefined ? [] : [...select(parsed)])));
}
