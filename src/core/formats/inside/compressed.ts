import type { ByteSource } from "../../bytes/byteSource";
import { CheckpointError } from "../../problem/checkpointError";
import type { Format, ParsedFile } from "../format";
import { parsedImports } from "../torch/torchParsed";
import { type Compression, canUnpack, compressionOf } from "./containerKind";
import { Look } from "./look";

/**
 * Files that are compressed as a whole, as joblib writes pickles and as downloads are packed. Nothing of them is shown;
 * where they can be unpacked, what Python would import from them is told.
 */
export const compressed: Format = {
  id: "compressed",
  extensions: [],
  matches: (head) => compressionOf(head) !== undefined,
  parse,
};

async function parse(source: ByteSource, head: Uint8Array, signal?: AbortSignal): Promise<ParsedFile> {
  const by = compressionOf(head)?.by ?? "gzip";
  if (!canUnpack(by)) {
    throw failed(by, "nothing here can look into it: what Python would import from it is not known");
  }
  const look = new Look(source.size, signal);
  await look.intoBytes(source, head, { where: "what the file unpacks to", depth: 0 });
  if (look.pickles === 0 && look.foundProblems.length === 0) {
    throw failed(by, "nothing of it can be shown. No pickle was found in it");
  }
  const failure = failed(by, "nothing of it can be shown but what Python would import from it");
  return parsedImports(look.imports, [failure.toProblem(), ...look.foundProblems], "compressed");
}

function failed(by: Compression, fact: string): CheckpointError {
  const message = `The file is compressed (${by}), and ${fact}. Unpack it and open what is in it.`;
  return new CheckpointError("CompressedFile", message, 0);
}
