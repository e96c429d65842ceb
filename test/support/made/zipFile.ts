import { deflateRawSync } from "node:zlib";

export interface ZipMember {
  readonly name: string;
  readonly data: Uint8Array;
  readonly deflated?: boolean;
  /** Bytes between the local header and the data, as torch aligns storages with. */
  readonly padding?: number;
  /** Sizes in a descriptor behind the data, and 0 in the local header, as torch writes. */
  readonly descriptor?: boolean;
  /** Sizes in a zip64 field of the directory. */
  readonly zip64?: boolean;
  readonly flags?: number;
  readonly crc?: number;
  /** Size that the directory claims. */
  readonly claimedSize?: number;
  readonly method?: number;
  /** Another name in the local header. */
  readonly localName?: string;
}

export interface ZipOptions {
  readonly prefix?: Uint8Array;
  readonly comment?: Uint8Array;
  readonly zip64?: boolean;
  readonly claimedCount?: number;
}

/** A zip archive byte by byte, right or as wrong as a test wants it. */
export function zipFile(members: readonly ZipMember[], options: ZipOptions = {}): Uint8Array<ArrayBuffer> {
  const chunks: Uint8Array[] = [];
  let offset = 0;
  const push = (bytes: Uint8Array) => {
    chunks.push(bytes);
    offset += bytes.length;
  };
  const directory: Uint8Array[] = [];
  for (const member of members) {
    directory.push(directoryEntry(member, offset));
    push(localHeader(member));
    push(packed(member));
    if (member.descriptor === true) push(descriptor(member));
  }
  const directoryStart = offset;
  for (const entry of directory) push(entry);
  const size = offset - directoryStart;
  const count = options.claimedCount ?? members.length;
  if (options.zip64 === true) push(zip64End(count, size, directoryStart, offset));
  push(endRecord(count, size, directoryStart, options));
  return new Uint8Array(Buffer.concat([options.prefix ?? new Uint8Array(), ...chunks]));
}

function packed({ data, deflated }: ZipMember): Uint8Array {
  return deflated === true ? deflateRawSync(data) : data;
}

function record(size: number, write: (view: DataView) => void, ...tails: Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(size);
  write(new DataView(bytes.buffer));
  return Buffer.concat([bytes, ...tails]);
}

function localHeader(member: ZipMember): Uint8Array {
  const name = new TextEncoder().encode(member.localName ?? member.name);
  const hidden = member.descriptor === true;
  return record(
    30,
    (view) => {
      view.setUint32(0, 0x04034b50, true);
      view.setUint16(6, (member.flags ?? 0) | (hidden ? 8 : 0), true);
      view.setUint16(8, methodOf(member), true);
      view.setUint32(18, hidden ? 0 : packed(member).length, true);
      view.setUint32(22, hidden ? 0 : member.data.length, true);
      view.setUint16(26, name.length, true);
      view.setUint16(28, member.padding ?? 0, true);
    },
    name,
    new Uint8Array(member.padding ?? 0).fill(0x5a),
  );
}

function methodOf({ method, deflated }: ZipMember): number {
  return method ?? (deflated === true ? 8 : 0);
}

function descriptor(member: ZipMember): Uint8Array {
  return record(16, (view) => {
    view.setUint32(0, 0x08074b50, true);
    view.setUint32(8, packed(member).length, true);
    view.setUint32(12, member.data.length, true);
  });
}

function directoryEntry(member: ZipMember, offset: number): Uint8Array {
  const name = new TextEncoder().encode(member.name);
  const size = member.claimedSize ?? member.data.length;
  const compressed = packed(member).length;
  const extra = member.zip64 === true ? zip64Field(size, compressed, offset) : new Uint8Array();
  const limited = (value: number) => (member.zip64 === true ? 0xffff_ffff : value);
  return record(
    46,
    (view) => {
      view.setUint32(0, 0x02014b50, true);
      view.setUint16(8, member.flags ?? 0, true);
      view.setUint16(10, methodOf(member), true);
      view.setUint32(16, member.crc ?? 0, true);
      view.setUint32(20, limited(compressed), true);
      view.setUint32(24, limited(size), true);
      view.setUint16(28, name.length, true);
      view.setUint16(30, extra.length, true);
      view.setUint32(42, limited(offset), true);
    },
    name,
    extra,
  );
}

function zip64Field(size: number, compressed: number, offset: number): Uint8Array {
  return record(28, (view) => {
    view.setUint16(0, 1, true);
    view.setUint16(2, 24, true);
    view.setBigUint64(4, BigInt(size), true);
    view.setBigUint64(12, BigInt(compressed), true);
    view.setBigUint64(20, BigInt(offset), true);
  });
}

function zip64End(count: number, size: number, start: number, position: number): Uint8Array {
  return record(56 + 20, (view) => {
    view.setUint32(0, 0x06064b50, true);
    view.setBigUint64(4, 44n, true);
    view.setBigUint64(24, BigInt(count), true);
    view.setBigUint64(32, BigInt(count), true);
    view.setBigUint64(40, BigInt(size), true);
    view.setBigUint64(48, BigInt(start), true);
    view.setUint32(56, 0x07064b50, true);
    view.setBigUint64(64, BigInt(position), true);
    view.setUint32(72, 1, true);
  });
}

function endRecord(count: number, size: number, start: number, { comment, zip64 }: ZipOptions): Uint8Array {
  const hidden = zip64 === true;
  return record(
    22,
    (view) => {
      view.setUint32(0, 0x06054b50, true);
      view.setUint16(8, hidden ? 0xffff : count, true);
      view.setUint16(10, hidden ? 0xffff : count, true);
      view.setUint32(12, hidden ? 0xffff_ffff : size, true);
      view.setUint32(16, hidden ? 0xffff_ffff : start, true);
      view.setUint16(20, comment?.length ?? 0, true);
    },
    comment ?? new Uint8Array(),
  );
}
