import { constants } from "node:fs";
import { type FileHandle, open, readdir, readlink, realpath, stat } from "node:fs/promises";
import { join } from "node:path";
import { checkRange, type OpenByteSource, UnexpectedEndError } from "../core/bytes/byteSource";
import type { EntryKind, FileEntry, FileStat, Files, OnBrokenLink } from "../core/bytes/files";
import { CheckpointError } from "../core/problem/checkpointError";

/** Node ends the whole process, without an exception, when one read asks for 2 GiB or more. */
const maxReadBytes = 2 ** 30;

/** Without O_NONBLOCK the opening of a pipe waits until somebody writes into it, which may be never. */
export const readFlags = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

/** What was opened is looked at, and not the path: that may be another thing by now. */
export function checkIsFile(found: { isFile(): boolean }): void {
  if (!found.isFile())
    throw new CheckpointError("NotAFile", "This is no file: only files and folders are read.");
}

/** The local file system, opened for reading only. */
export const nodeFiles: Files = {
  async list(folder, onBrokenLink) {
    const entries = await readdir(folder, { withFileTypes: true });
    const resolved = await Promise.all(
      entries.map(async (entry): Promise<FileEntry | undefined> => {
        const link = entry.isSymbolicLink();
        const kind = link ? (await statOrUndefined(join(folder, entry.name)))?.kind : kindOf(entry);
        if (kind !== undefined) return { name: entry.name, kind, link };
        if (link && onBrokenLink !== undefined) await tellBroken(folder, entry.name, onBrokenLink);
        return undefined;
      }),
    );
    return resolved.filter((entry) => entry !== undefined);
  },
  stat: statOrUndefined,
  async open(path) {
    const handle = await open(path, readFlags);
    try {
      return await NodeByteSource.over(handle);
    } catch (error) {
      await handle.close();
      throw error;
    }
  },
  realPath: (path) => realpath(path),
};

async function statOrUndefined(path: string): Promise<FileStat | undefined> {
  try {
    const found = await stat(path);
    const kind = kindOf(found);
    return kind === undefined ? undefined : { kind, size: found.size, modifiedMs: found.mtimeMs };
  } catch {
    // Gone, a broken link or no permission to look: for a viewer all the same.
    return undefined;
  }
}

/** A link to a socket or a pipe leads somewhere. */
async function tellBroken(folder: string, name: string, onBrokenLink: OnBrokenLink): Promise<void> {
  const path = join(folder, name);
  const isThere = await stat(path).then(
    () => true,
    (error: unknown) => !(error instanceof Error && "code" in error && brokenCodes.has(String(error.code))),
  );
  const target = isThere ? undefined : await readlink(path).catch(() => undefined);
  if (target !== undefined) onBrokenLink({ name, target });
}

/** Nothing is there, or the links lead in a circle; a target that may not be looked at may well be there. */
const brokenCodes: ReadonlySet<string> = new Set(["ENOENT", "ENOTDIR", "ELOOP"]);

function kindOf(entry: { isFile(): boolean; isDirectory(): boolean }): EntryKind | undefined {
  if (entry.isFile()) return "file";
  return entry.isDirectory() ? "directory" : undefined;
}

class NodeByteSource implements OpenByteSource {
  private constructor(
    private readonly handle: FileHandle,
    readonly size: number,
  ) {}

  static async over(handle: FileHandle): Promise<NodeByteSource> {
    const found = await handle.stat();
    checkIsFile(found);
    return new NodeByteSource(handle, found.size);
  }

  async read(offset: number, length: number, signal?: AbortSignal, spare?: Uint8Array): Promise<Uint8Array> {
    checkRange(this, offset, length);
    const bytes = spare?.length === length ? spare : new Uint8Array(length);
    let done = 0;
    // read() may return fewer bytes than asked for, above all on network file systems.
    while (done < length) {
      signal?.throwIfAborted();
      const wanted = Math.min(length - done, maxReadBytes);
      const { bytesRead } = await this.handle.read(bytes, done, wanted, offset + done);
      if (bytesRead === 0) throw new UnexpectedEndError(offset + done);
      done += bytesRead;
    }
    return bytes;
  }

  async close(): Promise<void> {
    await this.handle.close();
  }
}
