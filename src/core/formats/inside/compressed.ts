import { MemoryRegion } from "../../bytes/byteRegion";
import { type ByteSource, MemoryByteSource } from "../../bytes/byteSource";
import { inflateSome } from "../../bytes/inflate";
import { CheckpointError } from "../../problem/checkpointError";
import { maxScannedMemberBytes, maxSmallMemberBytes } from "../../problem/limits";
import type { Problem } from "../../problem/problem";
import type { Format, ParsedFile } from "../format";
import { isPickleHead } from "../pickle/isPickleHead";
import { parsePickleAt } from "../torch/plainPickle";
import { parsedImports } from "../torch/torchParsed";
import { type Compression, canUnpack, compressionOf } from "./containerKind";
import { Look } from "./look";

/**
 * Files that are compressed as a whole, as joblib writes pickles and as downloads are packed. A pickle that fits into
 * memory is unpacked and shown; of all else only what Python would import from it is told, where it can be unpacked.
 */
export const compressed: Format = {
  id: "compressed",
  extensions: [],
  matches: (head) => compressionOf(head) !== undefined,
  parse,
};

async function parse(source: ByteSource, head: Uint8Array, signal?: AbortSignal): Promise<ParsedFile> {
  const { by, start } = compressionOf(head) ?? { by: "gzip" as const, start: 0 };
  if (!canUnpack(by)) {
    throw failed(by, "nothing here can look into it: what Python would import from it is not known");
  }
  const shown = await unpackedPickle(source, by, start, signal);
  if (shown !== undefined) return shown;
  const look = new Look(source.size, signal);
  await look.intoBytes(source, head, { where: "what the file unpacks to", depth: 0 });
  if (look.pickles === 0 && look.foundProblems.length === 0) {
    throw failed(by, "nothing of it can be shown. No pickle was found in it");
  }
  const failure = failed(by, "nothing of it can be shown but what Python would import from it");
  return parsedImports(look.imports, [failure.toProblem(), ...look.foundProblems], "compressed");
}

/** Undefined where it does not unpack whole to one pickle whose values lie in the pickle itself. */
async function unpackedPickle(
  source: ByteSource,
  by: "gzip" | "zlib",
  start: number,
  signal?: AbortSignal,
): Promise<ParsedFile | undefined> {
  const size = source.size - start;
  if (size > maxScannedMemberBytes) return undefined;
  const packed = await source.read(start, size, signal);
  const wrapping = by === "gzip" ? "gzip" : "deflate";
  const { bytes, failure } = await inflateSome(packed, wrapping, maxScannedMemberBytes);
  if (failure !== undefined || !isPickleHead(bytes.subarray(0, maxSmallMemberBytes))) return undefined;
  const parsed = await parsePickleAt(
    new MemoryByteSource(bytes),
    0,
    signal,
    new MemoryRegion(bytes.slice(), 0),
  );
  // Storages of torch's old files are told by their place in the file, which is not that in the packed one.
  if (parsed.format !== undefined || parsed.tensors.length === 0) return undefined;
  return { ...parsed, format: "pickle", problems: [unpacked(by), ...parsed.problems] };
}

/** Offsets that are told of the pickle are not those of the file. */
function unpacked(by: Compression): Problem {
  const message = `The file is compressed (${by}). It was unpacked in memory; offsets are those of what it unpacks to.`;
  return { severity: "info", code: "CompressedFile", message };
}

function failed(by: Compression, fact: string): CheckpointError {
  const message = `The file is compressed (${by}), and ${fact}. Unpack it and open what is in it.`;
  return new CheckpointError("CompressedFile", message, 0);
}
