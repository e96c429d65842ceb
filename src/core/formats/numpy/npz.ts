import { type ByteRegion, readMemberStart } from "../../bytes/byteRegion";
import type { ByteSource } from "../../bytes/byteSource";
import { mapParallel } from "../../bytes/mapParallel";
import type { ZipEntry } from "../../bytes/zipDirectory";
import { CheckpointError } from "../../problem/checkpointError";
import { maxCollectedTensors, maxListedProblems, parallelShardReads } from "../../problem/limits";
import type { Problem } from "../../problem/problem";
import { ProblemList } from "../../problem/problemList";
import { formatCount } from "../../text/quantities";
import { quote } from "../../text/quote";
import type { Format, ParsedFile } from "../format";
import { importProblems, mergeImports } from "../importFinding";
import { isFile, Look } from "../inside/look";
import { openArchive, type TorchArchive } from "../torch/torchArchive";
import { torchZip } from "../torch/torchZip";
import { isNpy, isPlainArray, npyDataStart, npyHeadBytes, parseNpyHeader } from "./npyHeader";
import { type NpyTensor, npyTensor } from "./npyTensor";

const nameLengthAt = 26;
const nameAt = 30;

/** numpy.savez: a zip archive with a member `name.npy` for each array, stored or deflated. */
export const npz: Format = {
  id: "npz",
  extensions: [".npz"],
  matches,
  parse: (source, head, signal) => readNpz(source, head, undefined, signal),
};

/** The first member's local header (APPNOTE 4.3.7) names an array, or the archive is called one of arrays. */
function matches(head: Uint8Array, fileName = ""): boolean {
  if (head.length < nameAt || head[0] !== 0x50 || head[1] !== 0x4b || head[2] !== 3 || head[3] !== 4)
    return false;
  if (/\.npz$/i.test(fileName)) return true;
  const length = (head[nameLengthAt] as number) + 256 * (head[nameLengthAt + 1] as number);
  return new TextDecoder().decode(head.subarray(nameAt, nameAt + length)).endsWith(".npy");
}

/** Reads an archive of arrays, which is the source; `outer` is where that lies in another file. */
export async function readNpz(
  source: ByteSource,
  head: Uint8Array,
  outer: ByteRegion | undefined,
  signal?: AbortSignal,
): Promise<ParsedFile> {
  const archive = await openArchive(source, head, outer, signal);
  // torch and Python find their pickle wherever it stands: an array in front does not make it harmless.
  const isOfTorch = archive.directory.entries.some(({ name }) => /(?:^|\/)data\.pkl$/i.test(name));
  if (isOfTorch) return torchZip.parse(source, head, signal);
  const entries = [...archive.members.values()].filter(({ name }) => name.endsWith(".npy"));
  if (entries.length > maxCollectedTensors) {
    const message = `The archive has ${formatCount(entries.length)} arrays; up to ${formatCount(maxCollectedTensors)} are read.`;
    throw new CheckpointError("TooManyTensors", message);
  }
  const found = await mapParallel(entries, parallelShardReads, (entry) => readArray(archive, entry, signal));
  const problems = new ProblemList(maxListedProblems);
  for (const problem of archive.directory.problems) problems.add(problem);
  const look = new Look(source.size, signal);
  const plain = new Set(entries.filter((_, at) => found[at]?.isPlain === true));
  const mayHide = archive.directory.entries.filter((entry) => isFile(entry) && !plain.has(entry));
  await look.intoMembers(archive, mayHide, { where: undefined, depth: 0 });
  const imports = mergeImports(look.imports);
  for (const problem of importProblems(imports)) problems.add(problem);
  for (const problem of [...look.foundProblems, ...found.flatMap((each) => each.problems)])
    problems.add(problem);
  const others = archive.directory.entries.filter(
    ({ name }) => !name.endsWith(".npy") && !name.endsWith("/"),
  );
  const [other] = others;
  if (other !== undefined) {
    const more = others.length === 1 ? "" : ` and ${others.length - 1} more`;
    problems.add(problemOf("info", "OtherMembers", `${quote(other.name)}${more} in the archive: no array.`));
  }
  return {
    tensors: found.flatMap(({ tensor }) => (tensor === undefined ? [] : [tensor])),
    metadata: new Map(),
    aliases: new Map(),
    imports,
    problems: problems.toArray(),
  };
}

/** One member; where it cannot be read the others still are. */
async function readArray(
  archive: TorchArchive,
  entry: ZipEntry,
  signal?: AbortSignal,
): Promise<Partial<NpyTensor> & Pick<NpyTensor, "problems"> & { readonly isPlain?: boolean }> {
  const name = entry.name.slice(0, -".npy".length);
  try {
    let head = await readMemberStart(archive.source, entry, npyHeadBytes, signal);
    if (!isNpy(head)) throw new CheckpointError("InvalidNpyHeader", "it is no NumPy array.");
    const dataStart = npyDataStart(head) ?? 0;
    if (dataStart > head.length && dataStart < entry.size && dataStart < 1_000_000)
      head = await readMemberStart(archive.source, entry, dataStart, signal);
    return { ...npyTensor(name, parseNpyHeader(head), archive.region(entry)), isPlain: isPlainArray(head) };
  } catch (error) {
    if (!(error instanceof CheckpointError || error instanceof RangeError)) throw error;
    const code = error instanceof CheckpointError ? error.code : "UnreadableMember";
    return {
      problems: [problemOf("error", code, `${quote(entry.name)}: ${error.message}`, entry.localHeaderOffset)],
    };
  }
}

function problemOf(severity: Problem["severity"], code: string, message: string, offset?: number): Problem {
  return { severity, code, message, ...(offset === undefined ? {} : { offset }) };
}
