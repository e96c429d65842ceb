import { FileRegion } from "../../bytes/byteRegion";
import type { ByteSource } from "../../bytes/byteSource";
import type { Format, ParsedFile } from "../format";
import { recogniseKind } from "../recognise";
import { readLegacyStream } from "./legacyStream";
import { parsedFile } from "./torchParsed";

/** Files of torch before 1.6. */
export const torchLegacy: Format = {
  id: "torch-legacy",
  extensions: [],
  matches: (head) => recogniseKind(head, "") === "torch-legacy",
  parse,
};

async function parse(source: ByteSource, _head: Uint8Array, signal?: AbortSignal): Promise<ParsedFile> {
  const stream = await readLegacyStream(source, new FileRegion(0, source.size), signal);
  return parsedFile(source, stream, {}, signal);
}
