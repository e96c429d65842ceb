import { ZipEntryRegion } from "../../bytes/byteRegion";
import type { ZipEntry } from "../../bytes/zipDirectory";
import { CheckpointError } from "../../problem/checkpointError";
import { maxEagerPickleBytes } from "../../problem/limits";
import type { Problem } from "../../problem/problem";
import { metaReason } from "../../tensors/tensorLayout";
import { NumberedMap } from "../../text/numberedMap";
import { quote } from "../../text/quote";
import type { ImportFinding } from "../importFinding";
import { judgeImports } from "../pickle/importReport";
import { PickleBudget } from "../pickle/pickleBudget";
import { type Unpickled, unpickleFrom } from "../pickle/unpickle";
import { keepMember, pickleMember, readTinyMember, type TorchArchive } from "./torchArchive";
import { type StorageReference, storageReference, type TorchStorage } from "./torchStorage";
import type { TorchStream } from "./torchStream";

export interface TorchZipStream extends TorchStream {
  readonly archive: TorchArchive;
  readonly isTorchScript: boolean;
  /** Versions and the like. */
  readonly metadata: ReadonlyMap<string, string>;
}

/** What identifies the save itself is left out: it differs between the shards of one model. */
const tinyMembers = ["version", ".format_version", ".storage_alignment"] as const;

/**
 * Reads the pickle of a torch archive (`<folder>/data.pkl`, with a member `<folder>/data/<key>` for each storage;
 * torch/serialization.py `_save`). Storages are located, not read.
 * @throws CheckpointError where there is no object to show.
 */
export async function readTorchZip(archive: TorchArchive, signal?: AbortSignal): Promise<TorchZipStream> {
  const entry = pickleMember(archive);
  if (entry === undefined) throw noPickle(archive);
  const { unpickled, problems } = await readPickle(archive, entry, signal);
  // What it imports is told though nothing of it can be shown.
  if (unpickled.value === undefined && unpickled.imports.length === 0) {
    throw unpickled.failure ?? noPickle(archive);
  }
  const byteOrder = await readTinyMember(archive, "byteorder", signal);
  return {
    archive,
    root: unpickled.value ?? null,
    stream: archive.region(entry),
    found: unpickled.found,
    findStorage: storageFinder(archive, "data/", byteOrder === "big"),
    imports: await pickleImports(archive, entry, unpickled, signal),
    problems: [...archive.directory.problems, ...problems],
    isTorchScript: isTorchScript(archive),
    metadata: await readMetadata(archive, byteOrder, signal),
  };
}

function noPickle({ directory }: TorchArchive): CheckpointError {
  const names = directory.entries.slice(0, 5).map(({ name }) => quote(name));
  const list = names.length === 0 ? "nothing" : names.join(", ");
  const message =
    `The archive holds no data.pkl, but ${list}. ` +
    "Either saving failed before the object was written, or it is not a torch file.";
  return new CheckpointError("NoDataPickle", message);
}

async function readPickle(
  archive: TorchArchive,
  entry: ZipEntry,
  signal?: AbortSignal,
): Promise<{ unpickled: Unpickled; problems: readonly Problem[] }> {
  if (entry.compressedSize <= maxEagerPickleBytes) await keepMember(archive, entry, signal);
  const source = await new ZipEntryRegion(entry).open(archive.source, signal);
  // Compressed or not, what the file has decides what its pickle may cost.
  const unpickled = await unpickleFrom(source, { signal, budget: new PickleBudget(archive.source.size) });
  const failure = unpickled.failure === undefined ? [] : [inMember(unpickled.failure, entry)];
  return { unpickled, problems: [...failure, ...unpickled.problems] };
}

function inMember(failure: CheckpointError, { name, encrypted }: ZipEntry): Problem {
  const problem = failure.toProblem();
  const reason = encrypted ? " It is marked as encrypted." : "";
  return { ...problem, message: `${name}: ${problem.message}${reason}` };
}

/** Where the pickle's own bytes begin in the file, for offsets that a hex editor finds. */
async function pickleImports(
  { source, folder }: TorchArchive,
  entry: ZipEntry,
  { imports }: Unpickled,
  signal?: AbortSignal,
): Promise<ImportFinding[]> {
  const name = folder === "" ? undefined : entry.name;
  if (entry.method !== 0) return judgeImports(imports, name);
  const header = await source.read(entry.localHeaderOffset, 30, signal);
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength);
  const shift = entry.localHeaderOffset + 30 + view.getUint16(26, true) + view.getUint16(28, true);
  return judgeImports(imports, name, shift);
}

/** TorchScript keeps constants, such as the weights of a frozen module, in a pickle and a folder of their own. */
export async function readConstants(
  { archive, metadata }: TorchZipStream,
  signal?: AbortSignal,
): Promise<TorchStream | undefined> {
  const entry = archive.members.get(`${archive.folder}constants.pkl`);
  if (entry === undefined) return undefined;
  const { unpickled, problems } = await readPickle(archive, entry, signal);
  if (unpickled.value === undefined) return undefined;
  const findStorage = storageFinder(archive, "constants/", metadata.get("byteorder") === "big");
  const stream = archive.region(entry);
  return {
    root: unpickled.value,
    stream,
    found: unpickled.found,
    findStorage,
    imports: judgeImports(unpickled.imports, entry.name),
    problems,
  };
}

function storageFinder(
  archive: TorchArchive,
  subfolder: "data/" | "constants/",
  bigEndian: boolean,
): TorchStream["findStorage"] {
  const prefix = archive.folder + subfolder;
  const located = new NumberedMap<TorchStorage["storage"]>(archive.directory.entries.length);
  return (reference) => {
    const wanted = storageReference(reference);
    if (wanted === undefined) return undefined;
    const { key, dtype, untyped } = wanted;
    let storage = located.get(key);
    if (storage === undefined) {
      storage = locate(archive, archive.members.behind(prefix, key), prefix, wanted, bigEndian);
      located.set(key, storage);
    }
    return { dtype, untyped, storage };
  };
}

function locate(
  archive: TorchArchive,
  entry: ZipEntry | undefined,
  prefix: string,
  { key, location, byteSize }: StorageReference,
  bigEndian: boolean,
): TorchStorage["storage"] {
  if (location === "meta") {
    return { key: "", byteSize, bigEndian, region: undefined, absent: metaReason };
  }
  if (entry === undefined) {
    return { key, byteSize, bigEndian, region: undefined, absent: `The archive holds no ${prefix}${key}.` };
  }
  if (entry.size >= byteSize) {
    return { key, byteSize: entry.size, bigEndian, region: archive.region(entry) };
  }
  const absent = `${entry.name} has ${entry.size} bytes where ${byteSize} are needed.`;
  return { key, byteSize, bigEndian, region: undefined, absent };
}

function isTorchScript({ folder, directory, members }: TorchArchive): boolean {
  if (members.has(`${folder}constants.pkl`)) return true;
  return directory.entries.some(({ name }) => name.startsWith(`${folder}code/`));
}

async function readMetadata(
  archive: TorchArchive,
  byteOrder: string | undefined,
  signal?: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const metadata = new Map<string, string>();
  if (byteOrder !== undefined) metadata.set("byteorder", byteOrder);
  for (const name of tinyMembers) {
    const text = await readTinyMember(archive, name, signal);
    if (text !== undefined) metadata.set(name.replace(/^\./, ""), text);
  }
  return metadata;
}
