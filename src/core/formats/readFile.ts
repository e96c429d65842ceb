import type { ByteSource } from "../bytes/byteSource";
import { UnexpectedEndError } from "../bytes/byteSource";
import { CheckpointError } from "../problem/checkpointError";
import { headerProbeBytes } from "../problem/limits";
import type { FormatId, ParsedFile } from "./format";
import { unsupportedFormat } from "./formatLabel";
import { ParsedSource } from "./parsedOnce";
import { diagnoseBlank, diagnoseImpostor, isTextMangled, recogniseKind, textMangledError } from "./recognise";
import { formatOfHead } from "./registry";
import { diagnoseStranger, diagnoseZeros } from "./strangers";

export interface ReadFileResult extends ParsedFile {
  readonly format: FormatId;
}

/** How much of the data is looked at to tell a text-mangled file from one that was cut. */
const mangledSampleBytes = 64 * 1024;

/**
 * Recognises a file and reads its directory.
 * @throws CheckpointError with the file's name when it can't be read, in words that say what the file is instead.
 */
export async function readCheckpointFile(
  source: ByteSource,
  fileName: string,
  path: string,
  signal?: AbortSignal,
): Promise<ReadFileResult> {
  if (source instanceof ParsedSource) return source.result;
  try {
    return await recogniseAndParse(source, fileName, signal);
  } catch (error) {
    if (error instanceof CheckpointError) throw error.inFile(path);
    if (error instanceof UnexpectedEndError)
      throw new CheckpointError("UnexpectedEnd", error.message, error.offset, path);
    throw error;
  }
}

async function recogniseAndParse(
  source: ByteSource,
  fileName: string,
  signal?: AbortSignal,
): Promise<ReadFileResult> {
  const head = await source.read(0, Math.min(source.size, headerProbeBytes), signal);
  const format = formatOfHead(head, fileName);
  if (format === undefined || !format.matches(head, fileName)) {
    const impostor = diagnoseImpostor(head) ?? diagnoseStranger(head, fileName);
    if (impostor !== undefined) throw impostor;
    // The name may lie. Two bytes, as a pickle has, are too few to say so.
    const kind = recogniseKind(head, fileName);
    if (kind !== "unknown" && (format === undefined || kind !== "pickle")) throw unsupportedFormat(kind);
  }
  if (format === undefined) throw diagnoseBlank(head) ?? diagnoseZeros(head, fileName) ?? unknownKind(head);
  try {
    const parsed = await format.parse(source, head, signal);
    const incomplete = parsed.problems.some(({ code }) => code === "MetadataIncompleteBuffer");
    if (!incomplete) return { ...parsed, format: parsed.format ?? format.id };
    const mangled = await findMangling(source, parsed, signal);
    const problems = mangled === undefined ? parsed.problems : [mangled.toProblem(), ...parsed.problems];
    return { ...parsed, problems, format: format.id };
  } catch (error) {
    if (!(error instanceof CheckpointError)) throw error;
    throw isTextMangled(head) ? textMangledError() : (diagnoseZeros(head, fileName) ?? error);
  }
}

/** A look at the data behind a readable header: text conversion damages the data, not the ASCII of the header. */
async function findMangling(
  source: ByteSource,
  parsed: ParsedFile,
  signal?: AbortSignal,
): Promise<CheckpointError | undefined> {
  const offset = Math.min(parsed.tensors[0]?.offset ?? 0, source.size);
  const length = Math.min(mangledSampleBytes, source.size - offset);
  const sample = await source.read(offset, length, signal);
  return isTextMangled(sample) ? textMangledError() : undefined;
}

function unknownKind(head: Uint8Array): CheckpointError {
  if (isTextMangled(head)) return textMangledError();
  const start = [...head.subarray(0, 8)].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
  const message = `The first bytes (${start}) belong to no checkpoint format that is known here.`;
  return new CheckpointError("UnknownFormat", message, 0);
}
