import type { ByteSource } from "../../bytes/byteSource";
import type { Format, ParsedFile } from "../format";
import { unsupportedFormat } from "../formatLabel";
import { parsePickleAt } from "../torch/plainPickle";
import { isNpy, objectArrayStart } from "./npyHeader";

/** Arrays of objects, which are pickles behind a header. Arrays of numbers cannot be shown yet. */
export const npyObjects: Format = {
  id: "npy",
  label: "NumPy array (.npy)",
  extensions: [],
  matches: isNpy,
  parse,
};

async function parse(source: ByteSource, head: Uint8Array, signal?: AbortSignal): Promise<ParsedFile> {
  const start = objectArrayStart(head);
  if (start === undefined) throw unsupportedFormat("npy");
  return { ...(await parsePickleAt(source, head, start, signal)), format: "npy" };
}
