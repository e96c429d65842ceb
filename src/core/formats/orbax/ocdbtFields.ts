import { zstdDecompress } from "../../bytes/zstd";
import { CheckpointError } from "../../problem/checkpointError";

const headBytes = 12;
const checksumBytes = 4;
/** What the writer may make a node of, whatever its manifest says. */
const maxBodyBytes = 256_000_000;

/** Reads the body of a manifest or node: numbers of seven bits a byte, and columns of them. */
export class OcdbtFields {
  at = 0;
  private readonly view: DataView;

  constructor(
    private readonly bytes: Uint8Array,
    /** Where it comes from, for messages. */
    private readonly what: string,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get left(): number {
    return this.bytes.length - this.at;
  }

  u8(): number {
    return this.view.getUint8(this.next(1));
  }

  take(length: number): Uint8Array {
    const start = this.next(length);
    return this.bytes.subarray(start, start + length);
  }

  varint(): number {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = this.u8();
      // What is beyond 2^53 can only be a lie, which the checks of its user find.
      if (factor > 2 ** 63) this.fail("a number does not end");
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
  }

  /** Numbers of one field of several entries; each takes a byte at least. */
  column(count: number): number[] {
    if (count > this.left) this.fail(`${count} entries are counted`);
    return Array.from({ length: count }, () => this.varint());
  }

  fail(why: string): never {
    throw damagedOcdbt(this.what, why);
  }

  private next(length: number): number {
    const { at } = this;
    if (!(length >= 0) || at + length > this.bytes.length) this.fail("it ends too early");
    this.at = at + length;
    return at;
  }
}

/**
 * What is inside the frame that all files of a database share (tensorstore, `kvstore/ocdbt/format`): a magic number,
 * the length, version and compression, and a checksum at the end.
 */
export function openOcdbtFrame(bytes: Uint8Array, magic: number, what: string): OcdbtFields {
  if (bytes.length < headBytes + 2 + checksumBytes) throw damagedOcdbt(what, "it is too short");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(0) !== magic) throw damagedOcdbt(what, "it does not begin as it should");
  if (Number(view.getBigUint64(4, true)) !== bytes.length)
    throw damagedOcdbt(what, "its length is another one");
  const frame = new OcdbtFields(bytes.subarray(headBytes, bytes.length - checksumBytes), what);
  const version = frame.varint();
  if (version !== 0) throw damagedOcdbt(what, `it is of version ${version}, which is not known`);
  const compression = frame.varint();
  const body = frame.take(frame.left);
  if (compression === 0) return new OcdbtFields(body, what);
  if (compression !== 1)
    throw damagedOcdbt(what, `it is compressed in a way (${compression}) that is not known`);
  return new OcdbtFields(zstdDecompress(body, maxBodyBytes), what);
}

export function damagedOcdbt(what: string, why: string): CheckpointError {
  return new CheckpointError("DamagedOcdbt", `${what} is damaged: ${why}.`);
}
