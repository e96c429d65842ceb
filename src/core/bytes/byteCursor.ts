import { type ByteSource, checkRange } from "./byteSource";

/** How much is read at once where single fields are walked. */
const windowBytes = 64 * 1024;

/**
 * Walks a source from field to field and skips what is not asked for: only the windows in which a field was read are
 * ever fetched, so a header between gigabytes of payload costs as little as one by itself.
 */
export class ByteCursor {
  private window = new Uint8Array();
  private windowStart = 0;

  constructor(
    private readonly source: ByteSource,
    private readonly signal?: AbortSignal,
    /** Next byte to be read; may be set anywhere. */
    public at = 0,
  ) {}

  get size(): number {
    return this.source.size;
  }

  /**
   * The next bytes as a view of the window, which holds until the next call.
   * @throws RangeError where the source ends before.
   */
  async take(length: number): Promise<Uint8Array> {
    const start = this.at - this.windowStart;
    if (start < 0 || start + length > this.window.length) {
      checkRange(this.source, this.at, length);
      const wanted = Math.min(Math.max(length, windowBytes), this.source.size - this.at);
      this.window = new Uint8Array(await this.source.read(this.at, wanted, this.signal));
      this.windowStart = this.at;
    }
    const first = this.at - this.windowStart;
    this.at += length;
    return this.window.subarray(first, first + length);
  }

  /** At most `length` bytes, fewer at the end; the cursor stays where it is. */
  async peek(length: number): Promise<Uint8Array> {
    const { at } = this;
    const bytes = await this.take(Math.max(0, Math.min(length, this.source.size - at)));
    this.at = at;
    return bytes;
  }
}
