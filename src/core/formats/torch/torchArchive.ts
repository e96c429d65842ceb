import { type ByteRegion, ZipEntryRegion } from "../../bytes/byteRegion";
import type { ByteSource } from "../../bytes/byteSource";
import { CachedByteSource } from "../../bytes/cachedSource";
import {
  type MemberNames,
  readZipDirectory,
  type ZipDirectory,
  type ZipEntry,
} from "../../bytes/zipDirectory";
import { zipTailBytes } from "../../bytes/zipEnd";
import { maxSmallMemberBytes } from "../../problem/limits";

/** A zip archive with what torch calls its parts. */
export interface TorchArchive {
  /** The archive's bytes, of which those that were read are not read again. */
  readonly source: CachedByteSource;
  readonly directory: ZipDirectory;
  /** Folder of all members, with its slash: what the file was called when it was saved. */
  readonly folder: string;
  /** By name; of two members of one name the last, as Python takes it. */
  readonly members: MemberNames;
  region(entry: ZipEntry): ByteRegion;
}

/** Between a local header and its data: the name and torch's padding to 64 bytes, and what aligns more. */
const headerSlack = 512;

/** Small members stand right behind data.pkl. */
const readAhead = 2048;

/** Opens an archive in as few reads as it takes: its end, and its directory where that is longer. */
export async function openArchive(
  file: ByteSource,
  head: Uint8Array,
  outer: ByteRegion | undefined,
  signal?: AbortSignal,
  /** How much of its end is read at first. */
  tailBytes = zipTailBytes,
): Promise<TorchArchive> {
  const source = new CachedByteSource(file, head);
  await source.keep(Math.max(0, file.size - tailBytes), tailBytes, signal);
  const directory = await readZipDirectory(source, signal, tailBytes);
  const members = directory.byName;
  const folder = findFolder(directory.entries);
  return { source, directory, folder, members, region: (entry) => new ZipEntryRegion(entry, outer) };
}

/** The folder of data.pkl, nearest to the top; else that of the first member. */
function findFolder(entries: readonly ZipEntry[]): string {
  const pickles: string[] = [];
  for (let at = 0; at < entries.length; at++) {
    const { name } = entries[at] as ZipEntry;
    // Of a hundred thousand members nearly all end in a number.
    const endsInNumber = name.charCodeAt(name.length - 1) <= 0x39;
    if (!endsInNumber && /(?:^|\/)data\.pkl$/i.test(name)) pickles.push(name);
  }
  const depth = (name: string) => name.split("/").length;
  const nearest = pickles.reduce<string | undefined>(
    (best, name) => (best === undefined || depth(name) < depth(best) ? name : best),
    undefined,
  );
  const name = nearest ?? entries[0]?.name ?? "";
  return name.slice(0, name.lastIndexOf("/", nearest === undefined ? undefined : name.length) + 1);
}

/** The pickle that torch reads. Its reader of archives tells no capitals from small letters. */
export function pickleMember({ members, folder, directory }: TorchArchive): ZipEntry | undefined {
  const name = `${folder}data.pkl`;
  return (
    members.get(name) ?? directory.entries.find((entry) => entry.name.toLowerCase() === name.toLowerCase())
  );
}

/** Reads a member together with the small ones behind it. */
export async function keepMember(
  { source }: TorchArchive,
  entry: ZipEntry,
  signal?: AbortSignal,
): Promise<void> {
  const { localHeaderOffset, compressedSize } = entry;
  await source.keep(localHeaderOffset, headerSlack + compressedSize + readAhead, signal);
}

/** A tiny member as text: a version number or the byte order. Undefined where it is missing or damaged. */
export async function readTinyMember(
  archive: TorchArchive,
  name: string,
  signal?: AbortSignal,
): Promise<string | undefined> {
  const entry = archive.members.get(archive.folder + name);
  if (entry === undefined || entry.size > maxSmallMemberBytes) return undefined;
  try {
    await archive.source.keep(entry.localHeaderOffset, headerSlack + entry.compressedSize, signal);
    const source = await new ZipEntryRegion(entry).open(archive.source, signal);
    return new TextDecoder().decode(await source.read(0, source.size, signal)).trim();
  } catch {
    signal?.throwIfAborted();
    return undefined;
  }
}
