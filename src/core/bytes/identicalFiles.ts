import { sameItems } from "../lists/sameItems";
import type { OpenByteSource } from "./byteSource";
import type { Files } from "./files";

/** What is read of each file before files that differ are let go. */
const chunkBytes = 256 * 1024;

export interface SearchIdentical {
  readonly signal?: AbortSignal | undefined;
  /** Told the bytes that were read since the last call. */
  readonly onBytes?: (bytes: number) => void;
}

/** Sets of two or more of some files, all of one size in bytes, that are the same to the end. Files that differ are let go early. */
export async function identicalFiles(
  files: Files,
  paths: readonly string[],
  size: number,
  { signal, onBytes = () => {} }: SearchIdentical = {},
): Promise<string[][]> {
  const sources = new Map<string, OpenByteSource>();
  try {
    for (const path of paths) {
      const source = await files.open(path);
      if (source.size === size) sources.set(path, source);
      else await source.close();
    }
    let sets = sources.size > 1 ? [[...sources.keys()]] : [];
    // The end first: files of one training begin alike and differ in what comes last.
    for (let at = Math.ceil(size / chunkBytes) - 1; at >= 0 && sets.length > 0; at--) {
      const offset = at * chunkBytes;
      const length = Math.min(chunkBytes, size - offset);
      const next: string[][] = [];
      for (const set of sets) next.push(...(await split(sources, set, { offset, length, signal })));
      onBytes(length * sets.flat().length);
      sets = next;
    }
    return sets;
  } finally {
    await Promise.all([...sources.values()].map((source) => source.close()));
  }
}

interface Chunk {
  readonly offset: number;
  readonly length: number;
  readonly signal: AbortSignal | undefined;
}

async function split(
  sources: ReadonlyMap<string, OpenByteSource>,
  set: readonly string[],
  { offset, length, signal }: Chunk,
): Promise<string[][]> {
  const found: { readonly bytes: ArrayLike<number>; readonly paths: string[] }[] = [];
  for (const path of set) {
    const bytes = inWords(await (sources.get(path) as OpenByteSource).read(offset, length, signal));
    const twin = found.find((other) => sameItems(other.bytes, bytes));
    if (twin === undefined) found.push({ bytes, paths: [path] });
    else twin.paths.push(path);
  }
  return found.flatMap(({ paths }) => (paths.length > 1 ? [paths] : []));
}

/** Compared four bytes at a time, where they lie so. */
function inWords(bytes: Uint8Array): ArrayLike<number> {
  const { buffer, byteOffset, length } = bytes;
  return byteOffset % 4 === 0 && length % 4 === 0 ? new Int32Array(buffer, byteOffset, length / 4) : bytes;
}
