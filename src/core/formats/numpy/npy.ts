import type { ByteSource } from "../../bytes/byteSource";
import type { Format, ParsedFile } from "../format";
import { parsePickleAt } from "../torch/plainPickle";
import { isNpy, npyDataStart, objectArrayStart, parseNpyHeader } from "./npyHeader";
import { readNpySequence } from "./npySequence";

/**
 * https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html: one array, or several one behind the other;
 * of objects, it is a pickle.
 */
export const npy: Format = {
  id: "npy",
  extensions: [".npy"],
  matches: (head) => isNpy(head) || arrayBehindLine(head) !== undefined,
  parse,
};

async function parse(source: ByteSource, head: Uint8Array, signal?: AbortSignal): Promise<ParsedFile> {
  const line = arrayBehindLine(head);
  const at = line?.start ?? 0;
  const first = head.subarray(at);
  const objects = objectArrayStart(first);
  if (objects !== undefined) return { ...(await parsePickleAt(source, at + objects, signal)), format: "npy" };
  const dataStart = Math.min(npyDataStart(first) ?? 0, source.size - at);
  const header = parseNpyHeader(dataStart <= first.length ? first : await source.read(at, dataStart, signal));
  const { tensors, problems } = await readNpySequence(source, at, header, signal);
  const [only] = tensors;
  return {
    tensors: only !== undefined && tensors.length === 1 ? [{ ...only, name: "array" }] : tensors,
    metadata: line?.settings ?? new Map(),
    aliases: new Map(),
    problems,
  };
}

/**
 * Equinox's own example of a file writes the hyperparameters of the model in front of its leaves, as one line of JSON.
 */
function arrayBehindLine(
  head: Uint8Array,
): { readonly start: number; readonly settings: ReadonlyMap<string, string> } | undefined {
  if (head[0] !== 0x7b) return undefined;
  const start = head.indexOf(0x0a) + 1;
  if (start === 0 || !isNpy(head.subarray(start))) return undefined;
  try {
    const line: unknown = JSON.parse(
      new TextDecoder("utf-8", { fatal: true }).decode(head.subarray(0, start)),
    );
    const entries = Object.entries(line as Record<string, unknown>);
    return {
      start,
      settings: new Map(
        entries.map(([key, value]) => [key, typeof value === "string" ? value : JSON.stringify(value)]),
      ),
    };
  } catch {
    return undefined;
  }
}
