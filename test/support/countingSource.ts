import type { ByteSource, OpenByteSource } from "../../src/core/bytes/byteSource";
import type { FileEntry, FileStat, Files } from "../../src/core/bytes/files";

export interface ReadRange {
  readonly offset: number;
  readonly length: number;
}

/** A source that notes what is read of it, for read budgets and for tests of what must not be read. */
export class CountingSource implements OpenByteSource {
  readonly reads: ReadRange[] = [];
  closed = 0;

  constructor(private readonly source: ByteSource) {}

  get size(): number {
    return this.source.size;
  }

  get bytesRead(): number {
    return this.reads.reduce((sum, { length }) => sum + length, 0);
  }

  read(offset: number, length: number, signal?: AbortSignal): Promise<Uint8Array> {
    this.reads.push({ offset, length });
    return this.source.read(offset, length, signal);
  }

  async close(): Promise<void> {
    this.closed++;
  }
}

/**
 * One folder of sources, by name, that counts what is done with it. Unlike MemoryFiles it holds files of any size,
 * because a source need not have its bytes in memory.
 */
export class CountingFiles implements Files {
  /** Of every file that was opened, in that order. */
  readonly opened: { readonly name: string; readonly source: CountingSource }[] = [];
  readonly counts = { list: 0, stat: 0 };
  /** The most files that were open at the same time. */
  mostOpen = 0;

  constructor(
    readonly folder: string,
    private readonly sources: ReadonlyMap<string, ByteSource>,
  ) {}

  get openNow(): number {
    return this.opened.filter(({ source }) => source.closed === 0).length;
  }

  readsOf(name: string): readonly ReadRange[] {
    return this.opened.filter((each) => each.name === name).flatMap(({ source }) => source.reads);
  }

  get totals(): { readonly opens: number; readonly reads: number; readonly bytes: number } {
    const reads = this.opened.flatMap(({ source }) => source.reads);
    const bytes = reads.reduce((sum, { length }) => sum + length, 0);
    return { opens: this.opened.length, reads: reads.length, bytes };
  }

  async list(folder: string): Promise<readonly FileEntry[]> {
    this.counts.list++;
    if (folder !== this.folder) throw new Error(`ENOENT: no such file or directory, scandir '${folder}'`);
    return [...this.sources.keys()].map((name) => ({ name, kind: "file", link: false }));
  }

  async stat(path: string): Promise<FileStat | undefined> {
    this.counts.stat++;
    if (path === this.folder) return { kind: "directory", size: 0, modifiedMs: 0 };
    const source = this.sources.get(this.nameOf(path));
    return source && { kind: "file", size: source.size, modifiedMs: 0 };
  }

  async open(path: string): Promise<OpenByteSource> {
    const name = this.nameOf(path);
    const found = this.sources.get(name);
    if (found === undefined) throw new Error(`ENOENT: no such file or directory, open '${path}'`);
    const source = new CountingSource(found);
    this.opened.push({ name, source });
    this.mostOpen = Math.max(this.mostOpen, this.openNow);
    return source;
  }

  async realPath(path: string): Promise<string> {
    return path;
  }

  private nameOf(path: string): string {
    return path.startsWith(`${this.folder}/`) ? path.slice(this.folder.length + 1) : "";
  }
}
