import type { ByteSource } from "../../bytes/byteSource";
import { CheckpointError } from "../../problem/checkpointError";
import type { Format, ParsedFile } from "../format";
import { recogniseKind } from "../recognise";
import { parseLegacyFile } from "./legacyFile";
import { parsePickleAt } from "./plainPickle";

/** Files of torch before 1.6. */
export const torchLegacy: Format = {
  id: "torch-legacy",
  extensions: [],
  matches: (head) => recogniseKind(head, "") === "torch-legacy",
  parse,
};

async function parse(source: ByteSource, _head: Uint8Array, signal?: AbortSignal): Promise<ParsedFile> {
  try {
    return await parseLegacyFile(source, signal);
  } catch (error) {
    if (!(error instanceof CheckpointError) || error.code !== "NotLegacyTorch") throw error;
    // torch's number is in it, but is not what its first pickle gives: Python runs it all the same.
    const parsed = await parsePickleAt(source, 0, signal);
    return { ...parsed, format: parsed.format ?? "pickle" };
  }
}
