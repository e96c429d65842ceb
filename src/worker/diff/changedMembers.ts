import * as zlib from "node:zlib";
import { openZipEntry } from "../../core/bytes/byteRegion";
import type { ByteSource } from "../../core/bytes/byteSource";
import { crc32 } from "../../core/bytes/checksums/crc32";
import { baseName } from "../../core/bytes/paths";
import { readZipDirectory, type ZipEntry } from "../../core/bytes/zipDirectory";
import type { Part } from "../../core/parts/parts";
import { CheckpointError } from "../../core/problem/checkpointError";
import { maxListedProblems } from "../../core/problem/limits";
import type { Problem } from "../../core/problem/problem";
import { ProblemList } from "../../core/problem/problemList";
import type { CheckpointSession } from "../../core/session/checkpointSession";
import { formatCount, plural } from "../../core/text/quantities";
import { quote } from "../../core/text/quote";

const bytesAtOnce = 4_000_000;

/** Members of one file that are named; a lost disk takes thousands. */
const maxNamed = 3;

/** What a training is resumed from besides the weights, which nothing else reads to its end. */
const stateParts: ReadonlySet<Part> = new Set<Part>([
  "optimizer",
  "scheduler",
  "rng-state",
  "scaler",
  "training-args",
]);

/** Node has one of its own since 20.15, which takes a fraction of the time. */
const checksumOf: (bytes: Uint8Array, before: number) => number =
  typeof zlib.crc32 === "function"
    ? (bytes, before) => zlib.crc32(bytes, before)
    : (bytes, before) => crc32.of(bytes, 0, bytes.length, before);

/**
 * Reads the archives of a checkpoint (torch's, npz, keras) and, where its folder was opened, those of its training
 * state, and tells the members whose bytes are not the ones that were written: torch and most loaders never compare
 * them, and go on with what is there. What was deflated is left to who unpacks it.
 */
export async function changedMembers(
  session: CheckpointSession,
  signal?: AbortSignal,
): Promise<readonly Problem[]> {
  const { checkpoint, folder, openedFolder, files } = session;
  const beside = openedFolder
    ? folder.files.filter(({ kind, part }) => kind !== "directory" && stateParts.has(part))
    : [];
  const paths = new Set([...checkpoint.files, ...beside].map(({ path }) => path));
  const problems = new ProblemList(maxListedProblems);
  for (const path of paths) {
    signal?.throwIfAborted();
    const found = await changedIn(path, () => files.open(path), signal);
    if (found !== undefined) problems.add(found);
  }
  return problems.toArray();
}

async function changedIn(
  path: string,
  open: () => ReturnType<CheckpointSession["files"]["open"]>,
  signal?: AbortSignal,
): Promise<Problem | undefined> {
  // A file that cannot be opened, or is no whole archive, is told by who opens it for its own sake.
  const source = await open().catch(() => undefined);
  if (source === undefined) return undefined;
  try {
    return await comparedMembers(source, path, signal);
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof Error) return undefined;
    throw error;
  } finally {
    await source.close();
  }
}

async function comparedMembers(
  source: ByteSource,
  path: string,
  signal?: AbortSignal,
): Promise<Problem | undefined> {
  if (source.size < 4) return undefined;
  const [p, k, three, four] = await source.read(0, 4, signal);
  if (p !== 0x50 || k !== 0x4b || three !== 3 || four !== 4) return undefined;
  const { entries } = await readZipDirectory(source, signal);
  const changed: { readonly name: string; readonly offset: number }[] = [];
  let fitting = 0;
  for (const entry of entries) {
    if (entry.method !== 0 || entry.encrypted || entry.checksum === 0 || entry.size === 0) continue;
    const crc = await checksumOfMember(source, entry, signal);
    if (crc === undefined) continue;
    if (crc === entry.checksum) fitting++;
    else changed.push({ name: entry.name, offset: entry.localHeaderOffset });
  }
  // Where none fits, its writer takes another sum, or none.
  const [first] = changed;
  if (first === undefined || fitting === 0) return undefined;
  const names = changed.slice(0, maxNamed).map(({ name }) => quote(name));
  const more = changed.length > maxNamed ? ` and ${formatCount(changed.length - maxNamed)} more` : "";
  const { length } = changed;
  const message = `${baseName(path)} is damaged: ${plural(length, "member")} of the archive (${names.join(", ")}${more}) ${length === 1 ? "is" : "are"} not what was written, by the checksum that was written with ${length === 1 ? "it" : "them"}. ${readersDo(entries)} Use a copy that is whole, or an earlier checkpoint.`;
  return { severity: "error", code: "ChecksumMismatch", message, file: path, offset: first.offset };
}

function readersDo(entries: readonly ZipEntry[]): string {
  return entries.some(({ name }) => name.endsWith("data.pkl"))
    ? "torch.load does not compare them, and loads what is there."
    : "Python's zipfile, by which it is loaded, refuses such a member.";
}

/** Undefined where the member cannot be read, which its directory's problems tell. */
async function checksumOfMember(
  source: ByteSource,
  entry: ZipEntry,
  signal?: AbortSignal,
): Promise<number | undefined> {
  try {
    const member = await openZipEntry(source, entry, signal);
    let crc = 0;
    let spare: Uint8Array | undefined;
    for (let at = 0; at < member.size; at += bytesAtOnce) {
      spare = await member.read(at, Math.min(bytesAtOnce, member.size - at), signal, spare);
      crc = checksumOf(spare, crc);
    }
    return crc;
  } catch (error) {
    if (error instanceof CheckpointError) return undefined;
    throw error;
  }
}
