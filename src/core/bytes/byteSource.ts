/**
 * Bytes that can be read by range. The only way core sees a file, so that a 13 GB checkpoint, a test's array
 * and a remote blob are the same thing to a parser.
 */
export interface ByteSource {
  /** Length in bytes when the source was opened. */
  readonly size: number;
  /**
   * Reads exactly `length` bytes at `offset`. The result belongs to the caller.
   * @param spare an earlier result, no longer needed, whose memory may be used again.
   * @throws RangeError when the range does not lie inside the source.
   * @throws UnexpectedEndError when the file has become shorter than `size` since it was opened.
   */
  read(offset: number, length: number, signal?: AbortSignal, spare?: Uint8Array): Promise<Uint8Array>;
}

/** A source that holds a resource, such as a file descriptor. */
export interface OpenByteSource extends ByteSource {
  close(): Promise<void>;
}

/** The file ended before its announced size: it is being rewritten, or was cut while open. */
export class UnexpectedEndError extends Error {
  override readonly name = "UnexpectedEndError";

  constructor(readonly offset: number) {
    super(`The file ended at byte ${offset} while it was being read. It may still be being written.`);
  }
}

export function checkRange(source: { readonly size: number }, offset: number, length: number): void {
  if (!Number.isSafeInteger(offset) || !Number.isSafeInteger(length) || offset < 0 || length < 0) {
    throw new RangeError(`Not a byte range: offset ${offset}, length ${length}`);
  }
  if (offset + length > source.size) {
    throw new RangeError(
      `Bytes ${offset} to ${offset + length} lie beyond the end of the file (${source.size} bytes)`,
    );
  }
}

/** A source over bytes that are already in memory. */
export class MemoryByteSource implements OpenByteSource {
  readonly size: number;

  constructor(private readonly bytes: Uint8Array) {
    this.size = bytes.byteLength;
  }

  async read(offset: number, length: number, signal?: AbortSignal): Promise<Uint8Array> {
    signal?.throwIfAborted();
    checkRange(this, offset, length);
    return this.bytes.slice(offset, offset + length);
  }

  async close(): Promise<void> {}
}
