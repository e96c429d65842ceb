import { getOrMake } from "../lists/getOrMake";
import { maxListedFiles } from "../problem/limits";
import { type ByteSource, MemoryByteSource, type OpenByteSource } from "./byteSource";
import type { BrokenLink, FileEntry, FileStat, Files, OnBrokenLink } from "./files";
import { baseName, parentPath } from "./paths";

interface Listing {
  readonly entries: readonly FileEntry[];
  readonly broken: readonly BrokenLink[];
}

/**
 * Files as one search sees them: what was looked at is not looked at again, nor asked for where the listing of its
 * folder says that it is not there. On a network disk each look costs a round trip. A file that is opened again soon is
 * open still, and what was read of its start is not read again.
 */
export class SeenFiles implements Files {
  private readonly stats = new Map<string, Promise<FileStat | undefined>>();
  /** Names in the folders that were listed, in lower case: some file systems tell no capitals from small letters. */
  private readonly names = new Map<string, ReadonlySet<string>>();
  private readonly listings = new Map<string, Listing>();
  private readonly opened: KeptOpen;

  constructor(private readonly files: Files) {
    this.opened = new KeptOpen(files);
  }

  async list(folder: string, onBrokenLink?: OnBrokenLink): Promise<readonly FileEntry[]> {
    const known = this.listings.get(folder);
    for (const link of known?.broken ?? []) onBrokenLink?.(link);
    if (known !== undefined) return known.entries;
    const broken: BrokenLink[] = [];
    const entries = await this.files.list(folder, (link) => {
      broken.push(link);
      onBrokenLink?.(link);
    });
    if (entries.length <= maxListedFiles) this.listings.set(folder, { entries, broken });
    this.names.set(folder, new Set(entries.map(({ name }) => name.toLowerCase())));
    return entries;
  }

  stat(path: string): Promise<FileStat | undefined> {
    return getOrMake(this.stats, path, () => this.look(path));
  }

  open(path: string): Promise<OpenByteSource> {
    return this.opened.open(path);
  }

  /** When the search is over, however it ended: files may still be open. */
  close(): Promise<void> {
    return this.opened.close();
  }

  realPath(path: string): Promise<string> {
    return this.files.realPath(path);
  }

  private async look(path: string): Promise<FileStat | undefined> {
    const folder = parentPath(path);
    const isAbsent = this.names.get(folder)?.has(baseName(path).toLowerCase()) === false;
    if (isAbsent || (await this.stats.get(folder))?.kind === "file") return undefined;
    return this.files.stat(path);
  }
}

/** Of the checkpoints that are looked at together each has some files, which several questions open one after the other. */
const keptOpen = 32;
/** Read at once, and closed then: a disk reads no less. */
const wholeFileBytes = 4096;
/** Of one file: its header, and some values. */
const keptReadBytes = 128 * 1024;

/** Files that stay open for a while after they were closed. */
class KeptOpen {
  /** The one that was opened last is last. */
  private readonly kept = new Map<string, KeptFile>();
  private mostKept = keptOpen;

  constructor(private readonly files: Files) {}

  async open(path: string): Promise<OpenByteSource> {
    const file = this.kept.get(path) ?? new KeptFile(this.openAnew(path));
    this.kept.delete(path);
    this.kept.set(path, file);
    file.users++;
    this.trim();
    try {
      return new SharedSource(file, await file.opening, () => this.release(file));
    } catch (error) {
      this.release(file);
      if (this.kept.get(path) === file) this.kept.delete(path);
      throw error;
    }
  }

  async close(): Promise<void> {
    this.mostKept = 0;
    await Promise.all(this.trim());
  }

  private async openAnew(path: string): Promise<OpenByteSource> {
    const source = await this.files.open(path);
    if (source.size > wholeFileBytes) return source;
    try {
      return new MemoryByteSource(await source.read(0, source.size));
    } finally {
      await source.close();
    }
  }

  private release(file: KeptFile): void {
    file.users--;
    if (this.mostKept === 0) this.trim();
  }

  private trim(): Promise<void>[] {
    const closing: Promise<void>[] = [];
    for (const [path, file] of this.kept) {
      if (this.kept.size <= this.mostKept) break;
      if (file.users > 0) continue;
      this.kept.delete(path);
      closing.push(file.close());
    }
    return closing;
  }
}

class KeptFile {
  users = 0;
  private readonly pieces: { readonly start: number; readonly bytes: Uint8Array }[] = [];
  private pieceBytes = 0;

  constructor(readonly opening: Promise<OpenByteSource>) {}

  /** A copy of bytes that were read before. */
  find(offset: number, length: number): Uint8Array | undefined {
    for (const { start, bytes } of this.pieces) {
      const from = offset - start;
      if (from >= 0 && from + length <= bytes.length) return bytes.slice(from, from + length);
    }
    return undefined;
  }

  keep(start: number, bytes: Uint8Array): void {
    if (this.pieceBytes + bytes.length > keptReadBytes) return;
    this.pieceBytes += bytes.length;
    this.pieces.push({ start, bytes: bytes.slice() });
  }

  /** Nobody waits for it, and nothing was written: that it fails changes nothing. */
  async close(): Promise<void> {
    await this.opening.then((source) => source.close()).catch(() => undefined);
  }
}

class SharedSource implements OpenByteSource {
  readonly size: number;
  private isClosed = false;

  constructor(
    private readonly file: KeptFile,
    private readonly source: OpenByteSource,
    private readonly release: () => void,
  ) {
    this.size = source.size;
  }

  async read(...[offset, length, signal, spare]: Parameters<ByteSource["read"]>): Promise<Uint8Array> {
    signal?.throwIfAborted();
    const known = this.file.find(offset, length);
    if (known !== undefined) return known;
    const bytes = await this.source.read(offset, length, signal, spare);
    this.file.keep(offset, bytes);
    return bytes;
  }

  async close(): Promise<void> {
    if (this.isClosed) return;
    this.isClosed = true;
    this.release();
  }
}
