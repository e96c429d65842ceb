import type { ByteSource, OpenByteSource } from "./byteSource";
import type { Files } from "./files";

/** Looking further would cost more than a look may. */
export class ReadLimitError extends Error {
  override readonly name = "ReadLimitError";

  constructor(readonly allowance: ReadAllowance) {
    super("Reading on would cost more than it may.");
  }
}

/** Counts what may still be read, of however many files. */
export class ReadAllowance {
  constructor(private left: number) {}

  /** @throws ReadLimitError where it is used up. */
  take(bytes: number): void {
    if (bytes > this.left) throw new ReadLimitError(this);
    this.left -= bytes;
  }
}

/** The same files, of which no more than the allowances say can be read. */
export function limitedFiles(files: Files, ...allowances: readonly ReadAllowance[]): Files {
  return {
    list: (folder, onBrokenLink) => files.list(folder, onBrokenLink),
    stat: (path) => files.stat(path),
    realPath: (path) => files.realPath(path),
    open: async (path) => new LimitedSource(await files.open(path), allowances),
  };
}

class LimitedSource implements OpenByteSource {
  readonly size: number;

  constructor(
    private readonly source: OpenByteSource,
    private readonly allowances: readonly ReadAllowance[],
  ) {
    this.size = source.size;
  }

  async read(...[offset, length, signal]: Parameters<ByteSource["read"]>): Promise<Uint8Array> {
    for (const allowance of this.allowances) allowance.take(length);
    return this.source.read(offset, length, signal);
  }

  close(): Promise<void> {
    return this.source.close();
  }
}
