import { RangeByteSource } from "../../bytes/byteRange";
import { archiveMark, FileRegion, localHeaderBytes, SubRegion } from "../../bytes/byteRegion";
import type { ByteSource } from "../../bytes/byteSource";
import { CheckpointError } from "../../problem/checkpointError";
import type { Problem } from "../../problem/problem";
import { latin1Text } from "../../text/latin1";
import { beginsWithWeights, programFolder, readExportedProgram } from "../exported/exportedProgram";
import type { Format, FormatId, ParsedFile } from "../format";
import { unsupportedFormat } from "../formatLabel";
import { isFile, Look } from "../inside/look";
import { judgeImports } from "../pickle/importReport";
import { unpickleFrom } from "../pickle/unpickle";
import { programInside } from "../programs/scriptCalls";
import { diagnoseBlank, recogniseKind } from "../recognise";
import { readArchiveOfFiles, torchFilesIn } from "./archiveOfFiles";
import { otherMembers } from "./otherMembers";
import { pickle } from "./plainPickle";
import { openArchive, pickleMember, type TorchArchive } from "./torchArchive";
import { readContent, type TorchContent } from "./torchContent";
import { parsedFile, parsedImports } from "./torchParsed";
import { storageReference, type ToStorage } from "./torchStorage";
import { readConstants, readTorchZip } from "./torchZipStream";

/** Zip archives: those that torch.save and TorchScript write, and such others as hold pickles. */
export const torchZip: Format = {
  id: "torch-zip",
  extensions: [".pt", ".pth", ".ckpt", ".ptl", ".pt2"],
  matches: isZip,
  parse,
};

function isZip(head: Uint8Array): boolean {
  const [p, k, a, b] = head;
  const isPlain = p === 0x50 && k === 0x4b && ((a === 3 && b === 4) || (a === 5 && b === 6));
  return isPlain || archiveMark(head) !== undefined;
}

async function parse(source: ByteSource, head: Uint8Array, signal?: AbortSignal): Promise<ParsedFile> {
  const blank = diagnoseBlank(head);
  if (blank !== undefined) throw blank;
  const archive = await openArchive(source, head, undefined, signal).catch((error: unknown) => {
    if (error instanceof CheckpointError && error.code === "NoZipDirectory") return error;
    throw error;
  });
  if (archive instanceof CheckpointError) {
    const kind = recogniseKind(head, "");
    if (beginsWithWeights(head)) throw archive;
    if (kind === "zip" || kind === "npz") throw unsupportedFormat(kind);
    return isZip(head) ? readCutArchive(source, head, archive, signal) : readNamedOnly(source, head, signal);
  }
  const entry = pickleMember(archive);
  const program = entry === undefined ? programFolder(archive) : undefined;
  if (program !== undefined) return readExportedProgram(source, archive, program, signal);
  // torch.export up to 2.7 wrote torch files beside a version.
  const isOldExport = archive.members.has("serialized_state_dict.pt");
  if (entry === undefined && (isOldExport || !looksLikeTorch(archive))) {
    if (torchFilesIn(archive).length > 0 && listsItsFirst(archive, head)) {
      return readArchiveOfFiles(source, archive, signal);
    }
    const kind = recogniseKind(head, "");
    if (kind !== "torch-zip" && kind !== "torchscript") return readOtherArchive(archive, signal);
    // Its first member is torch's, but the directory does not list it.
    return readCutArchive(source, head, damagedDirectory(archive), signal);
  }
  const stream = await readTorchZip(archive, signal).catch((error: unknown) => {
    if (error instanceof CheckpointError && told.has(error.code)) return error;
    throw error;
  });
  // Bytes were lost or added on the way: the pickle may still be where it was written first.
  if (stream instanceof CheckpointError)
    return stream.code === "NoDataPickle"
      ? readImports(archive, "torch-zip", stream, signal)
      : readCutArchive(source, head, stream, signal);
  const look = new Look(source.size, signal);
  if (entry !== undefined) await look.compareNames(archive, entry);
  await look.intoMembers(archive, archive.directory.hidden.filter(isFile), topPlace);
  const constants = stream.isTorchScript ? await readConstants(stream, signal) : undefined;
  const references = [...stream.found.persistentIds, ...(constants?.found.persistentIds ?? [])];
  await look.intoMembers(archive, otherMembers(archive, entry, references), topPlace);
  const before = await beforeArchive(source, head, archive, look, signal);
  const problems = stream.isTorchScript ? [...before, ...(await programInside(archive, signal))] : before;
  const format: FormatId = stream.isTorchScript ? "torchscript" : "torch-zip";
  const parsed = await parsedFile(
    source,
    stream,
    { format, metadata: stream.metadata, problems, look },
    signal,
  );
  return constants === undefined
    ? parsed
    : withConstants(parsed, await readContent(source, constants, new Look(source.size, signal), signal));
}

/** Failures behind which an archive may still hold pickles that somebody loads. */
const told: ReadonlySet<string> = new Set(["NoLocalHeader", "NoDataPickle"]);

const topPlace = { where: undefined, depth: 0 };

/** What stands before the archive: of two archives of equal layout torch reads the first, and Python the last. */
async function beforeArchive(
  source: ByteSource,
  head: Uint8Array,
  { directory: { prefixBytes, entries } }: TorchArchive,
  look: Look,
  signal?: AbortSignal,
): Promise<readonly Problem[]> {
  // A directory may count the bytes before its archive as well.
  const first = entries.reduce((least, entry) => Math.min(least, entry.localHeaderOffset), source.size);
  const length = prefixBytes > 0 ? prefixBytes : first;
  const mark = archiveMark(head);
  if (mark !== undefined) {
    const message = `The file begins with "${mark}" in place of zip's "PK", as GPT-SoVITS marks the versions of its models: its own loader reads it so, torch.load does not.`;
    return [{ severity: "info", code: "MarkedArchive", message }];
  }
  if (length === 0 || entries.length === 0) return [];
  const before = head.subarray(0, length);
  const part = new RangeByteSource(source, 0, length);
  if (!isZip(head)) {
    await look.intoBytes(part, before, { where: "what stands before the archive", depth: 0 });
    const message = `${length} bytes stand before the archive. torch does not read it so.`;
    return [{ severity: "warning", code: "PrefixedArchive", message }];
  }
  const message =
    "The file holds two archives, one behind the other. Readers differ in which one they take; " +
    "the last one is shown, and the imports of both are listed.";
  try {
    await look.intoArchive(await openArchive(part, before, undefined, signal), topPlace);
  } catch (error) {
    if (!(error instanceof CheckpointError)) throw error;
  }
  // Parts of distributed checkpoints are archives in a row, honestly: it is what they import that can be wrong.
  return [{ severity: "warning", code: "TwoArchives", message, offset: length }];
}

/** Constants have no names in the archive; they are numbered as in its pickle. */
function withConstants(parsed: ParsedFile, { tensors, problems }: TorchContent): ParsedFile {
  const named = tensors.map((tensor) => ({ ...tensor, name: `constants.${tensor.name}` }));
  return { ...parsed, tensors: [...parsed.tensors, ...named], problems: [...parsed.problems, ...problems] };
}

/** A name that says torch, before bytes that do not: maybe a pickle of protocol 0, which begins like text. */
async function readNamedOnly(
  source: ByteSource,
  head: Uint8Array,
  signal?: AbortSignal,
): Promise<ParsedFile> {
  try {
    return { ...(await pickle.parse(source, head, signal)), format: "pickle" };
  } catch (error) {
    if (!(error instanceof CheckpointError)) throw error;
    if (isMindSpore(head)) {
      const message =
        "It is a checkpoint of MindSpore (protobuf), which is not read here, and none of PyTorch.";
      throw new CheckpointError("MindSporeFile", message, 0);
    }
    const start = [...head.subarray(0, 8)].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
    const message = `The name says PyTorch, but the first bytes (${start}) are neither a zip archive nor a pickle.`;
    throw new CheckpointError("NotTorch", message, 0);
  }
}

function damagedDirectory({ directory }: TorchArchive): CheckpointError {
  const [problem] = directory.problems;
  const message = problem?.message ?? "The archive's directory does not list the object that torch saved.";
  return new CheckpointError("DamagedZipDirectory", message, problem?.offset);
}

/** torch writes these beside data.pkl, also where writing that failed. */
function looksLikeTorch({ directory }: TorchArchive): boolean {
  return directory.entries.some(({ name }) =>
    /(?:^|\/)(?:version|byteorder|\.data\/serialization_id|constants\.pkl)$/.test(name),
  );
}

/** A member that stands first and is in no directory was lost, or hidden. */
function listsItsFirst({ directory }: TorchArchive, head: Uint8Array): boolean {
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const length = view.getUint16(26, true);
  const name = new TextDecoder().decode(head.subarray(localHeaderBytes, localHeaderBytes + length));
  return directory.entries.some((entry) => entry.name === name);
}

/** Archives of other kinds cannot be shown yet, but the pickles in them are looked into. */
async function readOtherArchive(archive: TorchArchive, signal?: AbortSignal): Promise<ParsedFile> {
  const kind = archive.directory.entries.some(({ name }) => name.endsWith(".npy")) ? "npz" : "zip";
  return readImports(archive, kind, unsupportedFormat(kind), signal);
}

/** An archive in which nothing can be shown for the reason given, but what its pickles import. */
async function readImports(
  archive: TorchArchive,
  format: FormatId,
  failure: CheckpointError,
  signal?: AbortSignal,
): Promise<ParsedFile> {
  const look = new Look(archive.source.size, signal);
  await look.intoArchive(archive, topPlace);
  if (look.pickles === 0 && look.foundProblems.length === 0) throw failure;
  return parsedImports(look.imports, [failure.toProblem(), ...look.foundProblems], format);
}

/**
 * An archive without its directory, which a save writes last. The pickle is the first member, so that what was
 * being saved can still be told.
 */
async function readCutArchive(
  source: ByteSource,
  head: Uint8Array,
  failure: CheckpointError,
  signal?: AbortSignal,
): Promise<ParsedFile> {
  if (head.length < localHeaderBytes) throw failure;
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const nameLength = view.getUint16(26, true);
  const start = localHeaderBytes + nameLength + view.getUint16(28, true);
  const name = new TextDecoder().decode(head.subarray(localHeaderBytes, localHeaderBytes + nameLength));
  if (!/(?:^|\/)data\.pkl$/.test(name) || view.getUint16(8, true) !== 0 || start >= source.size)
    throw failure;
  const region = new SubRegion(new FileRegion(0, source.size), start, source.size - start);
  const { value, imports, found } = await unpickleFrom(
    new RangeByteSource(source, start, source.size - start),
    {
      signal,
    },
  );
  if (value === undefined && imports.length === 0) throw failure;
  const stream = {
    root: value ?? null,
    stream: region,
    found,
    findStorage: cutStorage,
    imports: judgeImports(imports, name, start),
    problems: [failure.toProblem()],
  };
  return parsedFile(source, stream, {}, signal);
}

function cutStorage(reference: ToStorage) {
  const wanted = storageReference(reference);
  if (wanted === undefined) return undefined;
  const { dtype, untyped, byteSize } = wanted;
  // No key, so that not every tensor is reported: the archive's own problem says it all.
  const absent = "The archive is cut or damaged: where its storages are is not known.";
  return { dtype, untyped, storage: { key: "", byteSize, bigEndian: false, region: undefined, absent } };
}

/** Protobuf: a value (field 1) that begins with its tag (1) in letters; its tensor (2) names its type. */
function isMindSpore(head: Uint8Array): boolean {
  const tag = head[0] === 0x0a ? head.indexOf(0x0a, 1) : -1;
  const length = head[tag + 1] ?? 0;
  const end = tag + 2 + length;
  if (tag < 2 || tag > 6 || length === 0 || head[end] !== 0x12) return false;
  const name = latin1Text(head.subarray(tag + 2, end));
  const rest = latin1Text(head.subarray(end, end + 96));
  return /^[\w.:/-]+$/.test(name) && /(?:Float|BFloat|Int|UInt)(?:8|16|32|64)|Bool/.test(rest);
}
