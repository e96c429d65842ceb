/** Bytes that are no protocol buffer: a length beyond the end, a number without one, an unknown wire type. */
export class WireFormatError extends Error {
  override readonly name = "WireError";
}

export const wireVarint = 0;
export const wireFixed64 = 1;
export const wireBytes = 2;
export const wireFixed32 = 5;

const utf8 = new TextDecoder("utf-8");

/**
 * Steps through the fields of a protocol buffer message (protobuf.dev, "Encoding"). After `next` the field is
 * in `field` and `wireType`; a field of bytes lies between `start` and `end`, and is not copied. What nobody
 * asks for is stepped over.
 */
export class WireReader {
  field = 0;
  wireType = 0;
  /** Of the current field of bytes. */
  start = 0;
  end = 0;
  /** Of the current field, where it is a varint: exact up to 2^53, as unsigned. */
  private low = 0;
  private high = 0;
  private position = 0;
  private limit = 0;
  private inner: WireReader | undefined;

  constructor(
    readonly bytes: Uint8Array,
    readonly view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength),
  ) {
    this.limit = bytes.length;
  }

  /** To a message that lies between two places of the same bytes. */
  enter(start: number, end: number): this {
    this.position = start;
    this.limit = end;
    return this;
  }

  /** Moves to the next field. @throws WireFormatError where the bytes are no message. */
  next(): boolean {
    if (this.position >= this.limit) return false;
    this.readVarint();
    this.field = this.low >>> 3;
    this.wireType = this.low & 7;
    switch (this.wireType) {
      case wireVarint:
        this.readVarint();
        return true;
      case wireFixed64:
        return this.span(8);
      case wireFixed32:
        return this.span(4);
      case wireBytes:
        this.readVarint();
        if (this.high !== 0) throw new WireFormatError("A field is longer than any file");
        return this.span(this.low);
      default:
        throw new WireFormatError(`Wire type ${this.wireType}`);
    }
  }

  /**
   * A reader of the message in the current field. It is the same each time: read one message before the next.
   */
  nested(): WireReader {
    this.inner ??= new WireReader(this.bytes, this.view);
    return this.inner.enter(this.start, this.end);
  }

  get uint(): number {
    return this.high * 4294967296 + this.low;
  }

  /** An int32, int64 or enum: negative ones are written with ten bytes. */
  get int(): number {
    return (this.high | 0) * 4294967296 + this.low;
  }

  get float(): number {
    return this.wireType === wireFixed32 ? this.view.getFloat32(this.start, true) : Number.NaN;
  }

  get double(): number {
    return this.wireType === wireFixed64 ? this.view.getFloat64(this.start, true) : Number.NaN;
  }

  get text(): string {
    return this.wireType === wireBytes ? utf8.decode(this.bytes.subarray(this.start, this.end)) : "";
  }

  /** Steps through packed numbers in the current field: the varints from `start` to `end`. */
  *packedInts(): Generator<number> {
    const { position, limit } = this;
    this.enter(this.start, this.end);
    while (this.position < this.limit) {
      this.readVarint();
      yield this.int;
    }
    this.enter(position, limit);
  }

  private span(length: number): true {
    this.start = this.position;
    this.end = this.position + length;
    if (this.end > this.limit) throw new WireFormatError("A field ends beyond its message");
    this.position = this.end;
    return true;
  }

  private readVarint(): void {
    const { bytes, limit } = this;
    let at = this.position;
    let byte = at < limit ? (bytes[at++] as number) : this.failAtEnd();
    let low = byte & 0x7f;
    let high = 0;
    for (let shift = 7; byte >= 0x80; shift += 7) {
      if (shift >= 70) throw new WireFormatError("A number has more than ten bytes");
      byte = at < limit ? (bytes[at++] as number) : this.failAtEnd();
      const part = byte & 0x7f;
      if (shift < 28) low |= part << shift;
      else if (shift === 28) {
        low |= part << 28;
        high = part >>> 4;
      } else high |= part << (shift - 32);
    }
    this.position = at;
    this.low = low >>> 0;
    this.high = high >>> 0;
  }

  private failAtEnd(): never {
    throw new WireFormatError("A number ends beyond its message");
  }
}
