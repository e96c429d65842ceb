import { ZipEntryRegion } from "../../bytes/byteRegion";
import type { ByteSource } from "../../bytes/byteSource";
import type { ZipEntry } from "../../bytes/zipDirectory";
import { CheckpointError } from "../../problem/checkpointError";
import { maxScannedMemberBytes, maxScannedMembers, maxSmallMemberBytes } from "../../problem/limits";
import type { Problem } from "../../problem/problem";
import { isNpy, objectArrayStart } from "../numpy/npyHeader";
import { type ImportFinding, judgeImports } from "../pickle/importReport";
import { isPickleHead } from "../pickle/isPickleHead";
import { nestedImports } from "../pickle/nestedPickles";
import { unpickleFrom } from "../pickle/unpickle";
import type { TorchArchive } from "./torchArchive";

export interface MemberScan {
  readonly imports: readonly ImportFinding[];
  readonly problems: readonly Problem[];
  /** Members that are pickles or hold one. */
  readonly pickles: number;
}

const pickleEndings = /\.(?:pkl|pickle|joblib|npy|dat|data)$/i;

/**
 * Imports of the pickles in an archive besides the one that is shown: constants of TorchScript, arrays of objects,
 * a second data.pkl under the same name. What torch reads only with its own safe reader (`.debug_pkl`) is left out.
 */
export async function memberImports(
  archive: TorchArchive,
  shown: ZipEntry | undefined,
  signal?: AbortSignal,
): Promise<MemberScan> {
  const isCandidate = (entry: ZipEntry) => entry !== shown && pickleEndings.test(entry.name);
  return scanMembers(archive, archive.directory.entries.filter(isCandidate), signal);
}

/** The same for an archive that torch did not write: what is a pickle may be called anything there. */
export function allMemberImports(archive: TorchArchive, signal?: AbortSignal): Promise<MemberScan> {
  const isCandidate = ({ name, size }: ZipEntry) => !name.endsWith("/") && size > 2;
  return scanMembers(archive, archive.directory.entries.filter(isCandidate), signal);
}

async function scanMembers(
  archive: TorchArchive,
  candidates: readonly ZipEntry[],
  signal?: AbortSignal,
): Promise<MemberScan> {
  const imports: ImportFinding[] = [];
  const problems: Problem[] = [];
  let pickles = 0;
  for (const entry of candidates.slice(0, maxScannedMembers)) {
    signal?.throwIfAborted();
    try {
      const found = await scanMember(archive.source, entry, signal);
      if (found === undefined) continue;
      pickles++;
      imports.push(...found);
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
  signal?: AbortSignal,
): Promise<readonly ImportFinding[] | undefined> {
  const member = await new ZipEntryRegion(entry).open(source, signal);
  const head = await member.read(0, Math.min(member.size, maxSmallMemberBytes), signal);
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
  return [...judgeImports(imports, entry.name), ...nestedImports(found, entry.name)];
}
