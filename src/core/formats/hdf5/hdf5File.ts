import type { ByteSource } from "../../bytes/byteSource";
import { CheckpointError } from "../../problem/checkpointError";
import { maxHdf5DirectoryBytes } from "../../problem/limits";
import { formatBytes } from "../../text/quantities";
import { PagedSource } from "./pagedSource";

/** How many bytes addresses and lengths take in a file; its superblock says so. */
export interface Hdf5Widths {
  readonly offsetBytes: number;
  readonly lengthBytes: number;
}

/** Reads the fields of a structure one after the other; all numbers of HDF5's own structures are little-endian. */
export class Hdf5Fields {
  at = 0;
  private readonly view: DataView;

  constructor(
    readonly bytes: Uint8Array,
    /** Where they stand in the file. */
    readonly fileOffset: number,
    readonly widths: Hdf5Widths,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get left(): number {
    return this.bytes.length - this.at;
  }

  u8(): number {
    return this.view.getUint8(this.next(1));
  }

  u16(): number {
    return this.view.getUint16(this.next(2), true);
  }

  u32(): number {
    return this.view.getUint32(this.next(4), true);
  }

  /** A number of 1 to 8 bytes; beyond 2^53 it can only be a lie, which the checks of its user find. */
  unsigned(width: number): number {
    let value = 0;
    const start = this.next(width);
    for (let at = start + width - 1; at >= start; at--) value = value * 256 + this.view.getUint8(at);
    return value;
  }

  length(): number {
    return this.unsigned(this.widths.lengthBytes);
  }

  /** An address; undefined where all its bits are set, which means that nothing is there. */
  address(): number | undefined {
    const width = this.widths.offsetBytes;
    const start = this.at;
    const value = this.unsigned(width);
    const bytes = this.bytes.subarray(start, start + width);
    return bytes.every((byte) => byte === 0xff) ? undefined : value;
  }

  take(length: number): Uint8Array {
    const start = this.next(length);
    return this.bytes.subarray(start, start + length);
  }

  skip(length: number): void {
    this.next(length);
  }

  signature(expected: string): void {
    const start = this.at;
    const found = String.fromCharCode(...this.take(expected.length));
    if (found !== expected) throw damagedHdf5(this.fileOffset + start, `no ${expected} block stands`);
  }

  fail(what: string): never {
    throw damagedHdf5(this.fileOffset + this.at, what);
  }

  private next(length: number): number {
    const { at } = this;
    if (length < 0 || at + length > this.bytes.length)
      throw damagedHdf5(this.fileOffset + at, "a structure ends before its last field");
    this.at = at + length;
    return at;
  }
}

export function damagedHdf5(offset: number, what: string): CheckpointError {
  return new CheckpointError("DamagedHdf5", `At byte ${offset} ${what}. The HDF5 file is damaged.`, offset);
}

/** The structures of an HDF5 file by address. Reads only what is asked for, within a bound for the whole file. */
export class Hdf5File {
  private readonly paged: ByteSource;
  private directoryBytes = 0;

  constructor(
    source: ByteSource,
    readonly widths: Hdf5Widths,
    /** What stands before the file proper: all addresses count from here. */
    readonly base: number,
    private readonly signal?: AbortSignal,
  ) {
    this.paged = new PagedSource(source);
  }

  get size(): number {
    return this.paged.size;
  }

  /** @throws CheckpointError where the structure does not lie in the file. */
  async fields(address: number, length: number): Promise<Hdf5Fields> {
    const start = this.base + address;
    if (!Number.isSafeInteger(start + length) || start + length > this.size) {
      const message = `A structure of ${formatBytes(length)} should stand at byte ${start}, beyond the end of the file. The file is cut or damaged.`;
      throw new CheckpointError("Hdf5BeyondEnd", message, Math.min(start, this.size));
    }
    this.directoryBytes += length;
    if (this.directoryBytes > maxHdf5DirectoryBytes) {
      const message = `The directory of the file takes more than ${formatBytes(maxHdf5DirectoryBytes)}: it is damaged, or made to be endless.`;
      throw new CheckpointError("DirectoryTooLarge", message, start);
    }
    return new Hdf5Fields(await this.paged.read(start, length, this.signal), start, this.widths);
  }

  /** The fields of bytes that were read already, as a record of a tree. */
  over(bytes: Uint8Array, address: number): Hdf5Fields {
    return new Hdf5Fields(bytes, this.base + address, this.widths);
  }

  /** At most `length` bytes, fewer at the end of the file. */
  upTo(address: number, length: number): Promise<Hdf5Fields> {
    return this.fields(address, Math.max(0, Math.min(length, this.size - this.base - address)));
  }
}
