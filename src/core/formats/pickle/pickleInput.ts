/** More bytes of the stream are needed to go on. Not an error: the driver reads them, or finds that there are none. */
export class NeedBytes extends Error {
  override readonly name = "NeedBytes";

  constructor(
    /** Where the bytes that are needed begin, from the start of the stream. */
    readonly offset: number,
    readonly length: number,
    /** They lie beyond the end of the stream. */
    readonly absent = false,
  ) {
    super("More bytes of the pickle are needed.");
  }
}

const newline = 0x0a;

/**
 * The bytes of a pickle, of which a window is in memory: pickles of gigabytes are mostly arrays that are passed
 * over. Offsets count from the start of the stream.
 */
export class PickleInput {
  /** Of the next byte. */
  position: number;
  private bytes: Uint8Array = new Uint8Array();
  private view: DataView = new DataView(new ArrayBuffer(0));
  private start: number;

  constructor(
    position: number,
    /** Where the stream ends. */
    readonly size: number,
  ) {
    this.position = position;
    this.start = position;
  }

  setWindow(bytes: Uint8Array, start: number): void {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.start = start;
  }

  /** The bytes that are in memory. */
  get window(): Uint8Array {
    return this.bytes;
  }

  /** Of the next byte, in the window. */
  get windowPosition(): number {
    return this.position - this.start;
  }

  /** The byte at `offset` is in the window. */
  holds(offset: number): boolean {
    return offset >= this.start && offset < this.start + this.bytes.length;
  }

  readU8(): number {
    const at = this.take(1);
    return this.bytes[at] as number;
  }

  readU16(): number {
    return this.view.getUint16(this.take(2), true);
  }

  readI32(): number {
    return this.view.getInt32(this.take(4), true);
  }

  readU32(): number {
    return this.view.getUint32(this.take(4), true);
  }

  /** A length: what exceeds 2^53 is beyond any file anyhow. */
  readU64(): number {
    return Number(this.view.getBigUint64(this.take(8), true));
  }

  readF64(): number {
    return this.view.getFloat64(this.take(8), false);
  }

  /** A view into the window; copy what is kept. */
  readBytes(length: number): Uint8Array {
    const at = this.take(length);
    return this.bytes.subarray(at, at + length);
  }

  /** What the window holds of a part of the stream, without moving. */
  peek(from: number, to: number): Uint8Array {
    const at = Math.max(0, from - this.start);
    return this.bytes.subarray(at, Math.max(at, to - this.start));
  }

  /** Passes over bytes without having them. */
  skip(length: number): void {
    if (this.position + length > this.size) throw new NeedBytes(this.position, length, true);
    this.position += length;
  }

  /** The bytes up to the next newline, which is passed over. */
  readLine(maxLength: number): Uint8Array {
    const at = this.position - this.start;
    const inside = at >= 0 && at <= this.bytes.length;
    const end = inside ? this.bytes.indexOf(newline, at) : -1;
    if (end < 0) {
      const known = inside ? this.bytes.length - at : 0;
      if (known >= maxLength) throw new RangeError(`a line has more than ${maxLength} bytes`);
      throw new NeedBytes(this.position, Math.max(known * 2, 256));
    }
    if (end - at > maxLength) throw new RangeError(`a line has more than ${maxLength} bytes`);
    this.position = this.start + end + 1;
    return this.bytes.subarray(at, end);
  }

  private take(length: number): number {
    const at = this.position - this.start;
    if (at < 0 || at + length > this.bytes.length) throw new NeedBytes(this.position, length);
    this.position += length;
    return at;
  }
}
