import { FileRegion } from "../../bytes/byteRegion";
import type { ByteSource } from "../../bytes/byteSource";
import type { ParsedFile } from "../format";
import { Look } from "../inside/look";
import { lookBehind } from "../inside/lookBehind";
import { readLegacyStream } from "./legacyStream";
import { parsedFile } from "./torchParsed";

/** @throws CheckpointError where it is no file of torch before 1.6, or nothing of it can be shown. */
export async function parseLegacyFile(source: ByteSource, signal?: AbortSignal): Promise<ParsedFile> {
  const stream = await readLegacyStream(source, new FileRegion(0, source.size), signal);
  const look = new Look(source.size, signal);
  const { end } = stream;
  const behind = end === undefined ? [] : await lookBehind(source, end, "the last storage", look, signal);
  return parsedFile(source, stream, { problems: behind, look }, signal);
}
