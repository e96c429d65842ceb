import { readMemberStart, ZipEntryRegion } from "../../bytes/byteRegion";
import type { ByteSource } from "../../bytes/byteSource";
import { inflateAll } from "../../bytes/inflate";
import type { ZipEntry } from "../../bytes/zipDirectory";
import { CheckpointError } from "../../problem/checkpointError";
import {
  maxNestedPickleDepth,
  maxScannedMemberBytes,
  maxScannedMembers,
  maxSmallMemberBytes,
} from "../../problem/limits";
import type { Problem } from "../../problem/problem";
import type { ImportFinding } from "../importFinding";
import { isNpy, objectArrayStart } from "../numpy/npyHeader";
import { judgeImports } from "../pickle/importReport";
import { isPickleHead } from "../pickle/isPickleHead";
import { type NestedImports, nestedImports } from "../pickle/nestedPickles";
import { unpickle, unpickleFrom } from "../pickle/unpickle";
import { openArchive, type TorchArchive } from "./torchArchive";

export interface MemberScan {
  readonly imports: readonly ImportFinding[];
  readonly problems: readonly Problem[];
  /** Members that are pickles or hold one. */
  readonly pickles: number;
}

/** What torch writes beside data.pkl and never unpickles: storages, which are numbered, code and small texts. */
const knownMembers =
  /(?:^|\/)(?:(?:data|constants)\/[^./]+|code\/.*|version|byteorder|\.format_version|\.storage_alignment|\.data\/serialization_id)$|\.debug_pkl$|\/$/;

/**
 * Imports of the pickles in an archive besides the one that is shown: constants of TorchScript, arrays of objects,
 * a second data.pkl under the same name. What torch reads only with its own safe reader (`.debug_pkl`) is left out.
 */
export async function memberImports(
  archive: TorchArchive,
  shown: ZipEntry | undefined,
  signal?: AbortSignal,
): Promise<MemberScan> {
  const isCandidate = (entry: ZipEntry) =>
    entry !== shown && entry.size > 2 && !knownMembers.test(entry.name);
  return scanMembers(archive, archive.directory.entries.filter(isCandidate), signal);
}

/** The same for an archive that torch did not write: what is a pickle may be called anything there. */
export function allMemberImports(
  archive: TorchArchive,
  signal?: AbortSignal,
  depth = 0,
): Promise<MemberScan> {
  const isCandidate = ({ name, size }: ZipEntry) => !name.endsWith("/") && size > 2;
  return scanMembers(archive, archive.directory.entries.filter(isCandidate), signal, depth);
}

async function scanMembers(
  archive: TorchArchive,
  candidates: readonly ZipEntry[],
  signal?: AbortSignal,
  depth = 0,
): Promise<MemberScan> {
  const imports: ImportFinding[] = [];
  const problems: Problem[] = [];
  let pickles = 0;
  for (const entry of candidates.slice(0, maxScannedMembers)) {
    signal?.throwIfAborted();
    try {
      const found = await scanMember(archive.source, entry, depth, signal);
      if (found === undefined) continue;
      pickles++;
      imports.push(...found.imports);
      problems.push(...found.problems);
    } catch (error) {
      if (!(error instanceof CheckpointError || error instanceof RangeError)) throw error;
      const message = `${entry.name} cannot be looked into: ${error.message}`;
      problems.push({
        severity: "warning",
        code: "UnreadableMember",
        message,
        offset: entry.localHeaderOffset,
      });
    }
  }
  const skipped = candidates.length - maxScannedMembers;
  if (skipped > 0) {
    const message = `${skipped} more pickles in the archive were not looked into.`;
    problems.push({ severity: "warning", code: "UnscannedMembers", message });
  }
  return { imports, problems, pickles };
}

/** Undefined for a member that is no pickle. */
async function scanMember(
  source: ByteSource,
  entry: ZipEntry,
  depth: number,
  signal?: AbortSignal,
): Promise<NestedImports | undefined> {
  const member = await new ZipEntryRegion(entry).open(source, signal);
  const head = await readMemberStart(source, entry, Math.min(member.size, maxSmallMemberBytes), signal);
  const inner = await compressedImports(member, head, entry.name, depth, signal);
  if (inner !== undefined) return inner;
  const start = isNpy(head) ? objectArrayStart(head) : 0;
  if (start === undefined) return undefined;
  const isNamedPickle = /\.(?:pkl|pickle|joblib)$/i.test(entry.name);
  if (start === 0 && !isNamedPickle && !isPickleHead(head)) return undefined;
  if (entry.encrypted && !isPickleHead(head))
    throw new CheckpointError("EncryptedMember", "it is encrypted.");
  if (entry.size > maxScannedMemberBytes && entry.method !== 0) {
    throw new CheckpointError("MemberTooLarge", "it is compressed and too large.");
  }
  const { found, imports } = await unpickleFrom(member, { start, signal });
  const nested = nestedImports(found, entry.name);
  return { imports: [...judgeImports(imports, entry.name), ...nested.imports], problems: nested.problems };
}

/** Archives in archives, and files that are compressed as a whole; undefined for all else. */
async function compressedImports(
  member: ByteSource,
  head: Uint8Array,
  name: string,
  depth: number,
  signal?: AbortSignal,
): Promise<NestedImports | undefined> {
  const isZip = head[0] === 0x50 && head[1] === 0x4b && head[2] === 3 && head[3] === 4;
  const isGzip = head[0] === 0x1f && head[1] === 0x8b && head[2] === 8;
  if (!isZip && !isGzip) return undefined;
  if (depth >= maxNestedPickleDepth) {
    throw new CheckpointError("NestedPickleLimit", "archives nest too deep in it.");
  }
  if (member.size > maxScannedMemberBytes) throw new CheckpointError("MemberTooLarge", "it is too large.");
  if (isZip) {
    const archive = await openArchive(member, head, undefined, signal);
    const { imports, problems } = await allMemberImports(archive, signal, depth + 1);
    return { imports: imports.map((found) => ({ ...found, where: `${found.where} in ${name}` })), problems };
  }
  const bytes = await inflateAll(await member.read(0, member.size, signal), "gzip", maxScannedMemberBytes);
  const { imports, found, failure } = unpickle(bytes);
  if (failure !== undefined && imports.length === 0) return undefined;
  const nested = nestedImports(found, name);
  return { imports: [...judgeImports(imports, name), ...nested.imports], problems: nested.problems };
}
