import { FileRegion } from "../../bytes/byteRegion";
import type { ByteSource } from "../../bytes/byteSource";
import type { Format, ParsedFile } from "../format";
import { parsePickleAt } from "../torch/plainPickle";
import { isNpy, npyDataStart, objectArrayStart, parseNpyHeader } from "./npyHeader";
import { npyTensor } from "./npyTensor";

/** https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html: one array; of objects, it is a pickle. */
export const npy: Format = {
  id: "npy",
  extensions: [".npy"],
  matches: isNpy,
  parse,
};

async function parse(source: ByteSource, head: Uint8Array, signal?: AbortSignal): Promise<ParsedFile> {
  const start = objectArrayStart(head);
  if (start !== undefined) return { ...(await parsePickleAt(source, start, signal)), format: "npy" };
  const dataStart = Math.min(npyDataStart(head) ?? 0, source.size);
  const header = parseNpyHeader(dataStart <= head.length ? head : await source.read(0, dataStart, signal));
  const { tensor, problems } = npyTensor("array", header, new FileRegion(0, source.size));
  return { tensors: [tensor], metadata: new Map(), aliases: new Map(), problems };
}
