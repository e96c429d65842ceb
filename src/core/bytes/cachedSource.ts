import { type ByteSource, checkRange } from "./byteSource";

interface Piece {
  readonly start: number;
  readonly bytes: Uint8Array;
}

/** A source of which some pieces are kept in memory: what lies in one of them is not read again. */
export class CachedByteSource implements ByteSource {
  readonly size: number;
  private readonly pieces: Piece[];

  constructor(
    private readonly source: ByteSource,
    head: Uint8Array,
  ) {
    this.size = source.size;
    this.pieces = [{ start: 0, bytes: head }];
  }

  async read(offset: number, length: number, signal?: AbortSignal): Promise<Uint8Array> {
    checkRange(this, offset, length);
    const piece = this.find(offset, length);
    if (piece === undefined) return this.source.read(offset, length, signal);
    return piece.bytes.slice(offset - piece.start, offset - piece.start + length);
  }

  /** Reads a range now and keeps it, cut to the end of the source. Nothing is read that is kept already. */
  async keep(offset: number, length: number, signal?: AbortSignal): Promise<void> {
    const end = Math.min(this.size, offset + length);
    if (end <= offset || this.find(offset, end - offset) !== undefined) return;
    this.pieces.push({ start: offset, bytes: await this.source.read(offset, end - offset, signal) });
  }

  private find(offset: number, length: number): Piece | undefined {
    return this.pieces.find(({ start, bytes }) => start <= offset && offset + length <= start + bytes.length);
  }
}
