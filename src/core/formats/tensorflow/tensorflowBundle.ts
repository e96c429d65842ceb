import type { FileEntry, Files } from "../../bytes/files";
import { baseName, isPlainFileName, joinPath, parentPath } from "../../bytes/paths";
import { CheckpointError } from "../../problem/checkpointError";
import {
  maxListedProblems,
  maxObjectGraphBytes,
  maxShards,
  maxTensorflowIndexBytes,
} from "../../problem/limits";
import { ProblemList } from "../../problem/problemList";
import type { Tensor } from "../../tensors/tensor";
import { formatBytes } from "../../text/quantities";
import { quote } from "../../text/quote";
import type { CheckpointFile } from "../checkpointFile";
import type { FolderFormat, FolderListing, ParsedFolder, StoredChecksum } from "../folderFormat";
import { diagnoseImpostor } from "../recognise";
import { trainingTree } from "../trainingTree";
import { type BundleIndex, readBundleIndex } from "./bundleIndex";
import { bundleTensor } from "./bundleTensors";
import { type ObjectNode, readObjectGraph } from "./objectGraph";
import { slotTensors } from "./slots";

const indexEnding = ".index";
const dataName = /\.data-\d{5}-of-\d{5}$/;
const maxStateBytes = 1_000_000;
/** Pointers of Git LFS have some 130 bytes. */
const impostorBytes = 1024;

/** The index of a bundle by the name that people give: its prefix, the index itself, or one of its shards. */
export async function bundleIndexOf(files: Files, path: string): Promise<string | undefined> {
  const prefix = path.replace(dataName, "").replace(/\.index$/, "");
  const index = `${prefix}${indexEnding}`;
  return (await files.stat(index))?.kind === "file" ? index : undefined;
}

/**
 * Folders of TensorFlow: checkpoints with the file that names the newest, a SavedModel, and its `variables`. Weights
 * of another kind beside them are what people mean by the folder.
 */
export const tensorflowFolder: FolderFormat = {
  id: "tf-bundle",
  matches(entries) {
    const isOther = entries.some(({ name }) =>
      /\.(?:safetensors|bin|pt|pth|gguf|distcp)$|^\.metadata$/.test(name),
    );
    return !isOther && (isSavedModel(entries) || bundlesIn(entries).length > 0);
  },
  async open(listing, signal) {
    const { files, path, entries } = listing;
    if (bundlesIn(entries).length === 0) {
      const variables = joinPath(path, "variables");
      const inner = { files, path: variables, entries: await files.list(variables) };
      return openNewest(inner, "SavedModel", signal);
    }
    return openNewest(listing, "TensorFlow checkpoint", signal);
  },
};

function isSavedModel(entries: readonly FileEntry[]): boolean {
  const has = (wanted: string, kind: string) =>
    entries.some((entry) => entry.name === wanted && entry.kind === kind);
  return has("saved_model.pb", "file") && has("variables", "directory");
}

/** Names of the bundles, without an ending; an index says what it is by the data beside it or by its name. */
function bundlesIn(entries: readonly FileEntry[]): readonly string[] {
  const names = entries.filter(({ kind }) => kind === "file").map(({ name }) => name);
  const withData = new Set(
    names.filter((name) => dataName.test(name)).map((name) => name.replace(dataName, "")),
  );
  return names
    .filter((name) => name.endsWith(indexEnding))
    .map((name) => name.slice(0, -indexEnding.length))
    .filter((stem) => withData.has(stem) || names.includes("checkpoint") || stem === "variables");
}

async function openNewest(
  { files, path, entries }: FolderListing,
  label: string,
  signal?: AbortSignal,
): Promise<ParsedFolder> {
  const stems = bundlesIn(entries);
  const named = await namedInState(files, path, entries, signal);
  const isThere = named !== undefined && stems.includes(named);
  const newest = isThere ? named : [...stems].sort(byNumber).at(-1);
  if (newest === undefined)
    throw new CheckpointError(
      "NoWeights",
      "The folder holds no index of a TensorFlow checkpoint.",
      undefined,
      path,
    );
  const parsed = await openBundle(files, joinPath(path, `${newest}${indexEnding}`), signal);
  const problems = [...parsed.problems];
  if (named !== undefined && !isThere) {
    const message = `The file "checkpoint" names ${quote(named)} as the newest, which is not here. ${newest} is shown.`;
    problems.push({
      severity: "warning",
      code: "NamedCheckpointMissing",
      message,
      file: joinPath(path, "checkpoint"),
    });
  }
  const others = stems.filter((stem) => stem !== newest);
  if (others.length > 0) {
    const message = `The folder holds ${others.length} more: ${others.slice(0, 5).join(", ")}${others.length > 5 ? ", …" : ""}. Open the .index file of one to see it.`;
    problems.push({ severity: "info", code: "OtherCheckpoints", message });
  }
  return { ...parsed, problems, layout: { label: `${label} (${newest})` } };
}

/** ckpt-2 before ckpt-10. */
function byNumber(a: string, b: string): number {
  return a.localeCompare(b, "en", { numeric: true });
}

/** `model_checkpoint_path: "ckpt-1"`, the text of a CheckpointState message. A path is taken by its last name. */
async function namedInState(
  files: Files,
  folder: string,
  entries: readonly FileEntry[],
  signal?: AbortSignal,
): Promise<string | undefined> {
  if (!entries.some(({ name, kind }) => name === "checkpoint" && kind === "file")) return undefined;
  const source = await files.open(joinPath(folder, "checkpoint"));
  try {
    const bytes = await source.read(0, Math.min(source.size, maxStateBytes), signal);
    const text = new TextDecoder().decode(bytes);
    const path = /^\s*model_checkpoint_path\s*:\s*"((?:[^"\\]|\\.)*)"/m.exec(text)?.[1];
    const name = path?.split(/[\\/]/).at(-1);
    return name !== undefined && isPlainFileName(name) ? name : undefined;
  } finally {
    await source.close();
  }
}

/** Reads the index of a bundle and looks at its shards; the values stay where they are. */
export async function openBundle(
  files: Files,
  indexPath: string,
  signal?: AbortSignal,
): Promise<ParsedFolder> {
  const folder = parentPath(indexPath);
  const indexName = baseName(indexPath);
  const source = await files.open(indexPath);
  let index: BundleIndex;
  let indexBytes = 0;
  try {
    indexBytes = source.size;
    if (source.size > maxTensorflowIndexBytes) {
      const message = `The index has ${formatBytes(source.size)}; up to ${formatBytes(maxTensorflowIndexBytes)} are read.`;
      throw new CheckpointError("IndexTooLarge", message, 0);
    }
    const bytes = await source.read(0, source.size, signal);
    const impostor = diagnoseImpostor(bytes.subarray(0, impostorBytes));
    if (impostor !== undefined) throw impostor;
    index = readBundleIndex(bytes);
  } catch (error) {
    throw error instanceof CheckpointError ? error.inFile(indexPath) : error;
  } finally {
    await source.close();
  }
  const problems = new ProblemList(maxListedProblems);
  const stem = indexName.slice(0, -indexEnding.length);
  const found = await findShards(files, folder, stem, index.shardCount, signal);
  const shards = found.map(({ file }) => file);
  const indexFile: CheckpointFile = { name: indexName, path: indexPath, bytes: indexBytes, status: "ok" };
  const list = [indexFile, ...shards];
  for (const { file, impostor } of found) {
    const { name, path, status } = file;
    if (impostor !== undefined)
      problems.add({ ...impostor.toProblem(), message: `${name}: ${impostor.message}`, file: path });
    if (status !== "missing") continue;
    const message = `${name} is missing: the values of its tensors cannot be read. Copy it beside the index.`;
    problems.add({ severity: "error", code: "MissingShard", message, file: path });
  }
  const tensors: Tensor[] = [];
  const checksums: StoredChecksum[] = [];
  for (const [name, entry] of index.entries) {
    const { tensor, problem, stored = [] } = bundleTensor(name, entry, index, { list, firstShard: 1 });
    if (problem !== undefined) problems.add({ ...problem, file: list[1 + entry.shard]?.path ?? indexPath });
    if (tensor !== undefined) tensors.push(tensor);
    for (const checksum of stored) checksums.push(checksum);
  }
  for (const offset of index.damagedBlocks) {
    const message = `The block at byte ${offset} of the index has another checksum than was stored with it: what it says of tensors may be wrong.`;
    problems.add({ severity: "error", code: "ChecksumMismatch", message, file: indexPath, offset });
  }
  const nodes = await readObjects(files, index, list, problems, signal);
  const sorted = slotTensors(tensors, nodes);
  const content = trainingTree(tensors, sorted);
  return {
    format: "tf-bundle",
    ...(content === undefined ? {} : { content }),
    files: list,
    layout: { label: "TensorFlow checkpoint" },
    tensors,
    metadata: new Map(),
    aliases: new Map(
      [...(sorted.ownNames ?? [])].filter(([, key]) => content?.parameters?.has(key) === true),
    ),
    checksums,
    problems: problems.toArray(),
  };
}

/** What of the checkpoint hangs on what; empty where it does not say so, or where that cannot be read. */
async function readObjects(
  files: Files,
  { entries }: BundleIndex,
  list: readonly CheckpointFile[],
  problems: ProblemList,
  signal?: AbortSignal,
): Promise<readonly ObjectNode[]> {
  const entry = entries.get("_CHECKPOINTABLE_OBJECT_GRAPH");
  const file = list[1 + (entry?.shard ?? 0)];
  if (entry === undefined || file === undefined || file.status !== "ok") return [];
  if (entry.size > maxObjectGraphBytes || entry.offset + entry.size > file.bytes) return [];
  const source = await files.open(file.path);
  try {
    return readObjectGraph(await source.read(entry.offset, entry.size, signal));
  } catch (error) {
    if (!(error instanceof CheckpointError)) throw error;
    const message = `The graph of objects cannot be read, so parameters and optimizer are told apart by their names alone: ${error.message}`;
    problems.add({ severity: "warning", code: "DamagedObjectGraph", message, file: file.path });
    return [];
  } finally {
    await source.close();
  }
}

async function findShards(
  files: Files,
  folder: string,
  stem: string,
  count: number,
  signal?: AbortSignal,
): Promise<readonly FoundShard[]> {
  if (!Number.isSafeInteger(count) || count < 0 || count > maxShards)
    throw new CheckpointError(
      "TooManyShards",
      `The index counts ${count} shards; up to ${maxShards} are read.`,
    );
  const digits = (value: number) => `${value}`.padStart(5, "0");
  return Promise.all(
    Array.from({ length: count }, async (_, at): Promise<FoundShard> => {
      const name = `${stem}.data-${digits(at)}-of-${digits(count)}`;
      const path = joinPath(folder, name);
      const found = await files.stat(path);
      if (found?.kind !== "file") return { file: { name, path, bytes: 0, status: "missing" } };
      const { size: bytes } = found;
      const impostor = bytes > impostorBytes ? undefined : await impostorAt(files, path, signal);
      if (impostor === undefined) return { file: { name, path, bytes, status: "ok" } };
      return { file: { name, path, bytes, status: "broken" }, impostor };
    }),
  );
}

interface FoundShard {
  readonly file: CheckpointFile;
  /** What the file is in place of a shard: a pointer of Git LFS. */
  readonly impostor?: CheckpointError;
}

async function impostorAt(
  files: Files,
  path: string,
  signal?: AbortSignal,
): Promise<CheckpointError | undefined> {
  const source = await files.open(path);
  try {
    return diagnoseImpostor(await source.read(0, Math.min(source.size, impostorBytes), signal));
  } finally {
    await source.close();
  }
}
