import type { OpenByteSource } from "../../bytes/byteSource";
import type { Files } from "../../bytes/files";
import { CheckpointError } from "../../problem/checkpointError";
import { maxCollectedTensors } from "../../problem/limits";
import { messageOf } from "../../problem/messageOf";
import type { Problem } from "../../problem/problem";
import { decodeTensor } from "../../tensors/decode";
import { pieceOfTensor } from "../../tensors/pieceOfTensor";
import { elementCount, type Tensor } from "../../tensors/tensor";
import type { ContentValue } from "../contentValue";
import { mappingOf, sequenceOf } from "../contentView";
import type { ImportFinding } from "../importFinding";
import { keyText } from "../pythonText";
import { type ReadFileResult, readCheckpointFile } from "../readFile";
import { type ShardedValue, shardedValue } from "./shardedValue";

/** One entry of a rank's state dict: a part of a tensor, a whole tensor, or a value. */
export interface RankEntry {
  readonly path: readonly (string | number)[];
  readonly sharded?: ShardedValue;
  readonly tensor?: Tensor;
  readonly value: ContentValue;
}

/** What one process saved. */
export interface RankState {
  readonly rank: number;
  readonly name: string;
  readonly path: string;
  readonly bytes: number;
  /** By the path joined with dots; undefined where the file cannot be read. */
  readonly entries: ReadonlyMap<string, RankEntry> | undefined;
  readonly imports: readonly ImportFinding[];
  readonly problems: readonly Problem[];
}

/** State dicts nest by a few levels: `state`, a parameter, a moment. */
const maxDepth = 16;

/** Reads the state dict of one rank. Never rejects for what is in the file. */
export async function readRankState(
  files: Files,
  { name, rank, path }: { readonly name: string; readonly rank: number; readonly path: string },
  signal?: AbortSignal,
): Promise<RankState> {
  let source: OpenByteSource | undefined;
  const base = { rank, name, path, bytes: 0, imports: [] };
  try {
    source = await files.open(path);
    const parsed = await readCheckpointFile(source, name, path, signal);
    const entries = await readRankEntries(parsed, source, rank, signal);
    const { imports = [], problems } = parsed;
    // Wrappers of parts hold no values themselves, which the reader of single files tells of each.
    const told = problems.filter(({ code }) => code !== "TensorWithoutBytes");
    return { ...base, bytes: source.size, entries, imports, problems: told };
  } catch (error) {
    signal?.throwIfAborted();
    const reason = messageOf(error);
    const code = error instanceof CheckpointError ? error.code : "UnreadableFile";
    const problem: Problem = { severity: "error", code, message: `${name}: ${reason}`, file: path };
    return { ...base, bytes: source?.size ?? 0, entries: undefined, problems: [problem] };
  } finally {
    await source?.close();
  }
}

/** The entries of a rank's state dict: parts of tensors, whole tensors, values. */
export async function readRankEntries(
  { content, tensors }: ReadFileResult,
  source: OpenByteSource,
  rank: number | undefined,
  signal?: AbortSignal,
): Promise<ReadonlyMap<string, RankEntry>> {
  const entries = new Map<string, RankEntry>();
  if (content === undefined) {
    for (const tensor of tensors) entries.set(tensor.name, { path: [tensor.name], tensor, value: null });
    return entries;
  }
  const numbers = await smallNumbers(content.tensors.values(), source, signal);
  const facts = {
    rank,
    tensorOf: (value: ContentValue) => content.tensors.get(value),
    numbersOf: (tensor: Tensor) => numbers.get(tensor),
  };
  const visit = (value: ContentValue, path: readonly (string | number)[]): void => {
    if (entries.size >= maxCollectedTensors) return;
    const name = path.map(String).join(".");
    const sharded = shardedValue(value, facts);
    const tensor = sharded === undefined ? content.tensors.get(value) : undefined;
    if (sharded !== undefined || tensor !== undefined) {
      entries.set(name, {
        path,
        value,
        ...(sharded === undefined ? {} : { sharded }),
        ...(tensor === undefined ? {} : { tensor }),
      });
      return;
    }
    const dict = path.length < maxDepth ? mappingOf(value) : undefined;
    const list = dict === undefined && path.length < maxDepth ? sequenceOf(value) : undefined;
    const holds = list?.some(
      (item) => item !== null && typeof item === "object" && (mappingOf(item) ?? content.tensors.has(item)),
    );
    if (dict !== undefined && dict.size > 0) {
      for (const [key, member] of dict.entries()) {
        visit(member, [...path, typeof key === "number" ? key : keyText(key)]);
      }
    } else if (list !== undefined && holds) {
      for (const [at, member] of list.entries()) visit(member, [...path, at]);
    } else entries.set(name, { path, value });
  };
  visit(content.root, []);
  return entries;
}

/** A mesh of processes is a small tensor of whole numbers; there are a few in a file. */
const maxMeshElements = 65_536;
const maxMeshes = 64;

async function smallNumbers(
  tensors: Iterable<Tensor>,
  source: OpenByteSource,
  signal?: AbortSignal,
): Promise<ReadonlyMap<Tensor, readonly number[]>> {
  const found = new Map<Tensor, readonly number[]>();
  for (const tensor of tensors) {
    const { name, dtype, shape, byteSize } = tensor;
    const isMesh = /(?:^|\.)(?:_?mesh|_rank_map)$/.test(name) && (dtype === "I64" || dtype === "I32");
    if (!isMesh || elementCount(shape) > maxMeshElements || found.size >= maxMeshes) continue;
    try {
      const piece = pieceOfTensor(tensor, 0, { kind: "flat", first: 0, count: elementCount(shape) });
      const bytes = await piece.region.open(source, signal);
      const start = (piece.start * byteSize) / Math.max(1, elementCount(shape));
      found.set(tensor, [...decodeTensor(await bytes.read(start, byteSize), dtype, elementCount(shape))]);
    } catch {
      signal?.throwIfAborted();
      // The mesh then has the order that meshes usually have.
    }
  }
  return found;
}
