import { type ByteSource, checkRange } from "./byteSource";

/** A part of a source as a source of its own. */
export class RangeByteSource implements ByteSource {
  constructor(
    private readonly source: ByteSource,
    private readonly start: number,
    readonly size: number,
  ) {
    checkRange(source, start, size);
  }

  read(offset: number, length: number, signal?: AbortSignal): Promise<Uint8Array> {
    checkRange(this, offset, length);
    return this.source.read(this.start + offset, length, signal);
  }
}
