import type { FileEntry, Files } from "../../bytes/files";
import { joinPath } from "../../bytes/paths";
import { readText } from "../../bytes/readText";
import { CheckpointError } from "../../problem/checkpointError";
import { maxConfigBytes, maxListedProblems } from "../../problem/limits";
import { ProblemList } from "../../problem/problemList";
import { unreadablePart } from "../../tensors/assembly";
import type { Tensor } from "../../tensors/tensor";
import { plural } from "../../text/quantities";
import { quote } from "../../text/quote";
import type { FolderFormat, FolderListing, ParsedFolder } from "../folderFormat";
import { trainingTree } from "../trainingTree";
import { aggregateName, readAggregate } from "./aggregate";
import { FileList } from "./fileList";
import { findStore, type KeyStore } from "./keyStore";
import type { OcdbtValue } from "./ocdbtDatabase";
import { optaxTensors } from "./optaxState";
import { type OrbaxTree, parseOrbaxMetadata } from "./orbaxMetadata";
import { savedProgress, stepMarker } from "./orbaxStep";
import { parseZarr } from "./zarrMetadata";
import { absentTensor, type FileOfValue, zarrTensor } from "./zarrTensors";

const markers: ReadonlySet<string> = new Set(["_METADATA", "manifest.ocdbt", stepMarker, ".zarray"]);
/** Of an array that is listed alone. */
const unknownDtype = "unknown";
/** A step has an item or some; a folder of more is one of many steps. */
const maxStepFolders = 16;
const processFolder = /^ocdbt\.process_\d+$/;

/** Orbax, the checkpoints of JAX: a step folder of items, or an item (a tree of arrays) by itself. */
export const orbaxFolder: FolderFormat = {
  id: "orbax",
  matches: (entries) => entries.some(({ name }) => markers.has(name) || processFolder.test(name)),
  open,
};

/** Older steps say nothing of themselves: what tells them is a folder of theirs that is an item. */
export async function isOrbaxStep({ files, path, entries }: FolderListing): Promise<boolean> {
  const mayBe = entries.filter(({ kind, link }) => kind === "directory" && !link);
  if (mayBe.length === 0 || mayBe.length > maxStepFolders) return false;
  return (await findItems(files, path, mayBe)).length > 0;
}

async function open({ files, path, entries }: FolderListing, signal?: AbortSignal): Promise<ParsedFolder> {
  const problems = new ProblemList(maxListedProblems);
  const items = isItem(entries) ? [""] : await findItems(files, path, entries);
  if (items.length === 0) {
    const message =
      "This is a checkpoint of Orbax whose items hold no arrays: no tree is in any of its folders.";
    throw new CheckpointError("NoWeights", message, undefined, path);
  }
  const list = new FileList(files, path);
  const tensors: Tensor[] = [];
  const labels = new Set<string>();
  const metadata = new Map<string, string>();
  for (const item of items) {
    const prefix = items.length === 1 || item === "" ? "" : `${item}.`;
    const reader = new ItemReader(files, path, item, list, problems);
    tensors.push(...(await reader.read(prefix, signal)));
    labels.add(reader.label);
    for (const [key, value] of reader.metadata) metadata.set(prefix + key, value);
  }
  list.report(problems);
  reportParts(tensors, problems);
  const sorted = optaxTensors(tensors);
  const progress = new Map([...(await savedProgress(files, path, entries)), ...(sorted.progress ?? [])]);
  const content = trainingTree(tensors, { ...sorted, progress });
  return {
    format: "orbax",
    ...(content === undefined ? {} : { content }),
    files: list.files,
    layout: { label: `Orbax (${[...labels].join(", ")})` },
    tensors,
    metadata,
    aliases: new Map(),
    problems: problems.toArray(),
  };
}

function isItem(entries: readonly FileEntry[]): boolean {
  return entries.some(({ name }) => (markers.has(name) && name !== stepMarker) || processFolder.test(name));
}

/** Folders of a step that hold trees: `default`, `state`, `params` or what they were called. */
async function findItems(
  files: Files,
  path: string,
  entries: readonly FileEntry[],
): Promise<readonly string[]> {
  const found: string[] = [];
  for (const { name, kind, link } of entries) {
    if (kind !== "directory" || link) continue;
    if (isItem(await files.list(joinPath(path, name)).catch(() => []))) found.push(name);
  }
  return found;
}

class ItemReader {
  label = "";
  readonly metadata = new Map<string, string>();
  private readonly folder: string;

  constructor(
    private readonly files: Files,
    path: string,
    private readonly item: string,
    private readonly list: FileList,
    private readonly problems: ProblemList,
  ) {
    this.folder = item === "" ? path : joinPath(path, item);
  }

  async read(prefix: string, signal?: AbortSignal): Promise<readonly Tensor[]> {
    const tree = await this.readTree(signal);
    if (tree !== undefined) await this.list.add(this.within("_METADATA"));
    else await this.reportNoTree();
    const keys = await this.readKeys(tree, signal);
    const tensors: Tensor[] = [];
    const seen = new Set<string>();
    for (const [key, value] of keys) {
      const found = /^(?:(.*)\/)?(\.zarray|zarr\.json)$/s.exec(key);
      if (found === null) continue;
      const name = found[1] ?? "";
      seen.add(name);
      const tensor = await this.readArray(
        prefix,
        name,
        found[2] === ".zarray" ? 2 : 3,
        value,
        keys,
        tree,
        signal,
      );
      if (tensor !== undefined) tensors.push(tensor);
    }
    const absent = (tree?.leaves ?? []).filter(({ isArray, name }) => isArray && !seen.has(name));
    const aggregate = absent.length === 0 ? undefined : await readAggregate(this.files, this.folder, signal);
    const fileIndex = aggregate === undefined ? 0 : await this.list.add(this.within(aggregateName));
    for (const leaf of absent) {
      const there = aggregate?.tensors.get(leaf.name);
      const said = aggregate?.metadata.get(leaf.name);
      if (there !== undefined) tensors.push({ ...there, name: prefix + leaf.name, fileIndex });
      if (said !== undefined) this.metadata.set(leaf.name, said);
      if (there !== undefined || said !== undefined) continue;
      const base = {
        name: prefix + leaf.name,
        dtype: unknownDtype,
        shape: leaf.shape ?? [],
        byteSize: 0,
        offset: 0,
        fileIndex: 0,
      };
      tensors.push(absentTensor(base, "_METADATA lists it, but its array is not there"));
      this.problems.addLazily("MissingTensor", () => ({
        severity: "error",
        code: "MissingTensor",
        message: `${quote(prefix + leaf.name)} is listed in _METADATA, but its array is not there.`,
        tensor: prefix + leaf.name,
      }));
    }
    return tensors;
  }

  /** Orbax writes it together with the others; before 0.5 the tree was in the aggregate. */
  private async reportNoTree(): Promise<void> {
    const names = (await this.files.list(this.folder)).map(({ name }) => name);
    if (!["array_metadatas", "_sharding"].some((name) => names.includes(name))) return;
    if (["_METADATA", aggregateName].some((name) => names.includes(name))) return;
    const message =
      "_METADATA is missing, which says what tree the arrays make up: Orbax restores nothing without it.";
    this.problems.add({
      severity: "warning",
      code: "TreeMissing",
      message,
      file: joinPath(this.folder, "_METADATA"),
    });
  }

  private within(name: string): string {
    return this.item === "" ? name : `${this.item}/${name}`;
  }

  private async readTree(signal?: AbortSignal): Promise<OrbaxTree | undefined> {
    const path = joinPath(this.folder, "_METADATA");
    if ((await this.files.stat(path))?.kind !== "file") return undefined;
    try {
      const tree = parseOrbaxMetadata(await readText(this.files, path, maxConfigBytes, signal));
      for (const [key, value] of tree.settings) this.metadata.set(key, value);
      return tree;
    } catch (error) {
      if (!(error instanceof CheckpointError || error instanceof SyntaxError)) throw error;
      const message = `_METADATA cannot be read: ${error.message}`;
      this.problems.add({ severity: "error", code: "InvalidMetadata", message, file: path });
      return undefined;
    }
  }

  private async readKeys(tree: OrbaxTree | undefined, signal?: AbortSignal): Promise<KeyStore> {
    try {
      const { keys, label, isUnmerged, anchor } = await findStore(this.files, this.folder, signal);
      this.label = label;
      // Values that stand in no file of their own count to one that is there.
      if (anchor !== undefined) await this.list.add(this.within(anchor));
      if (isUnmerged) {
        const message =
          "The databases of the processes were not merged: no manifest.ocdbt stands above them. The save may not have finished. They are read together.";
        this.problems.add({ severity: "warning", code: "UnmergedDatabases", message, file: this.folder });
      }
      return keys;
    } catch (error) {
      if (!(error instanceof CheckpointError) || tree === undefined) throw error;
      // Names and shapes are worth showing without the values.
      this.problems.add({ file: this.folder, ...error.toProblem() });
      return new Map();
    }
  }

  private async readArray(
    prefix: string,
    key: string,
    version: 2 | 3,
    value: OcdbtValue,
    keys: KeyStore,
    tree: OrbaxTree | undefined,
    signal?: AbortSignal,
  ): Promise<Tensor | undefined> {
    const name = prefix + key.split("/").join(".");
    try {
      const text = new TextDecoder().decode(await this.bytesOf(value, signal));
      // A group of arrays has the same file in version 3.
      if (version === 3 && /"node_type"\s*:\s*"group"/.test(text)) return undefined;
      const everyChunkStored = tree?.everyChunkStored === true;
      return await zarrTensor(name, key, parseZarr(text, version), {
        keys,
        fileOf: this.fileOf,
        everyChunkStored,
      });
    } catch (error) {
      if (!(error instanceof CheckpointError || error instanceof RangeError)) throw error;
      const code = error instanceof CheckpointError ? error.code : "InvalidZarr";
      this.problems.addLazily(code, () => ({
        severity: "error",
        code,
        message: `${quote(name)}: ${error.message}`,
        tensor: name,
        file: this.folder,
      }));
      return undefined;
    }
  }

  private async bytesOf(value: OcdbtValue, signal?: AbortSignal): Promise<Uint8Array> {
    if (value.kind === "inline") return value.bytes;
    const { path, offset, length } = value;
    if (length > maxConfigBytes) throw new CheckpointError("InvalidZarr", "Its description is too long.");
    const full = joinPath(this.folder, ...path.split("/"));
    if ((await this.files.stat(full))?.kind !== "file")
      throw new CheckpointError("MissingFile", `${path} is missing.`);
    const source = await this.files.open(full);
    try {
      return await source.read(offset, length, signal);
    } finally {
      await source.close();
    }
  }

  private readonly fileOf: FileOfValue = async ({ path, offset, length }) => {
    const fileIndex = await this.list.add(this.within(path));
    const file = this.list.files[fileIndex];
    if (file === undefined || file.status === "missing")
      return { fileIndex, absent: `${file?.name ?? path} is missing` };
    if (offset + length <= file.bytes) return { fileIndex };
    return { fileIndex, absent: `${file.name} is cut at byte ${file.bytes}` };
  };
}

/** Tensors that miss a part, or whose values are not read here; those of a missing file are told with the file. */
function reportParts(tensors: readonly Tensor[], problems: ProblemList): void {
  for (const { name, dtype, layout } of tensors) {
    const absent = layout?.storage.absent;
    // What _METADATA alone names is told as missing.
    if (absent === undefined || dtype === unknownDtype) continue;
    problems.addLazily("UnreadableArray", () => ({
      severity: "warning",
      code: "UnreadableArray",
      message: `${quote(name)} is shown without its values: ${absent}.`,
      tensor: name,
    }));
  }
  const parts = tensors.flatMap((tensor) => {
    const reason = unreadablePart(tensor);
    return reason === undefined ? [] : [{ tensor, reason }];
  });
  const [first] = parts;
  if (first === undefined) return;
  const more = parts.length === 1 ? "" : ` ${plural(parts.length - 1, "tensor")} more cannot be read whole.`;
  problems.add({
    severity: "error",
    code: "PartlyReadable",
    message: `${quote(first.tensor.name)} cannot be read whole: ${first.reason}${more}`,
    tensor: first.tensor.name,
  });
}
