import type { ByteSource, OpenByteSource } from "../bytes/byteSource";
import type { FileEntry, FileStat, Files, OnBrokenLink } from "../bytes/files";
import type { ReadFileResult } from "./readFile";

/** Of so many tensors in all what was read is kept; each takes less than a kilobyte. */
const maxKeptTensors = 100_000;

/**
 * The files of one checkpoint. What a folder of many processes was joined from is asked for again, file by file, by
 * who judges it: such a file is neither read nor opened a second time.
 */
export class ParsedOnce implements Files {
  private readonly parsed = new Map<string, { readonly size: number; readonly result: ReadFileResult }>();
  private tensors = 0;

  constructor(private readonly files: Files) {}

  list(folder: string, onBrokenLink?: OnBrokenLink): Promise<readonly FileEntry[]> {
    return this.files.list(folder, onBrokenLink);
  }

  stat(path: string): Promise<FileStat | undefined> {
    return this.files.stat(path);
  }

  realPath(path: string): Promise<string> {
    return this.files.realPath(path);
  }

  async open(path: string): Promise<OpenByteSource> {
    const known = this.parsed.get(path);
    if (known === undefined) return this.files.open(path);
    return new ParsedSource(known.size, known.result, () => this.files.open(path));
  }

  keep(path: string, { size }: ByteSource, result: ReadFileResult): void {
    // A file without tensors costs something too.
    this.tensors += result.tensors.length + 100;
    if (this.tensors <= maxKeptTensors) this.parsed.set(path, { size, result });
  }
}

/** A file of which the directory is known; it is opened when more is wanted. */
export class ParsedSource implements OpenByteSource {
  private source: Promise<OpenByteSource> | undefined;

  constructor(
    readonly size: number,
    readonly result: ReadFileResult,
    private readonly openFile: () => Promise<OpenByteSource>,
  ) {}

  async read(offset: number, length: number, signal?: AbortSignal, spare?: Uint8Array): Promise<Uint8Array> {
    this.source ??= this.openFile();
    return (await this.source).read(offset, length, signal, spare);
  }

  async close(): Promise<void> {
    await (await this.source)?.close();
  }
}
