const endSignature = 0x06054b50;
const endBytes = 22;
const zip64LocatorSignature = 0x07064b50;
const zip64LocatorBytes = 20;
const zip64EndSignature = 0x06064b50;
const zip64EndBytes = 56;
/** The end record is the last thing but for a comment, whose length has 16 bits. */
export const zipTailBytes = 64 * 1024 + endBytes + zip64LocatorBytes + zip64EndBytes;

/** The last bytes of the file, addressed from the file's start. */
export class Tail {
  readonly view: DataView;

  constructor(
    private readonly bytes: Uint8Array,
    readonly start: number,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get end(): number {
    return this.start + this.bytes.length;
  }

  slice(offset: number, length: number): Uint8Array {
    return this.bytes.subarray(offset - this.start, offset - this.start + length);
  }
}

export interface OneEnd {
  /** Of the directory, as the record says it: without the bytes before the archive. */
  readonly offset: number;
  readonly size: number;
  readonly count: number;
  readonly prefixBytes: number;
  /** Where the record stands. */
  readonly position: number;
}

interface EndRecord extends OneEnd {
  /** What other readers make of the same records: miniz goes by the locator's offset and takes no bytes to stand before. */
  readonly others: readonly OneEnd[];
}

/** From the back: the first record whose directory fits before it. What follows it is a comment or junk. */
export function findEnd(tail: Tail): EndRecord | undefined {
  const { view } = tail;
  for (let at = view.byteLength - endBytes; at >= 0; at--) {
    if (view.getUint8(at) !== 0x50 || view.getUint32(at, true) !== endSignature) continue;
    const end = readEnd(tail, at);
    if (end !== undefined) return end;
  }
  return undefined;
}

function readEnd(tail: Tail, at: number): EndRecord | undefined {
  const { view } = tail;
  const plain: Fields = {
    at,
    count: view.getUint16(at + 10, true),
    size: view.getUint32(at + 12, true),
    offset: view.getUint32(at + 16, true),
  };
  const all = [...zip64Ends(tail, at), plain];
  const [chosen = plain] = all;
  // The directory ends where the end records begin; what it is off by stands before the archive.
  const prefixBytes = tail.start + chosen.at - chosen.size - chosen.offset;
  if (!Number.isSafeInteger(prefixBytes) || prefixBytes < 0) return undefined;
  const position = tail.start + at;
  const starts = new Set([chosen.offset + prefixBytes]);
  const others: OneEnd[] = [];
  for (const record of all) {
    const { count, size, offset } = record;
    // Behind records of zip64 the plain one does not say where the directory ends.
    const shifts = record === plain && chosen !== plain ? [0] : [0, tail.start + record.at - size - offset];
    for (const shift of shifts) {
      const start = offset + shift;
      const isThere = Number.isSafeInteger(start) && start >= 0 && shift >= 0 && start < position;
      if (!isThere || starts.has(start)) continue;
      starts.add(start);
      others.push({ offset, size, count, prefixBytes: shift, position });
    }
  }
  const { offset, size, count } = chosen;
  return { offset, size, count, prefixBytes, position, others };
}

interface Fields {
  /** Of the record, in the tail. */
  readonly at: number;
  readonly count: number;
  readonly size: number;
  readonly offset: number;
}

/** The record right before its locator, and the one that the locator names, which is wrong where bytes were put in front. */
function zip64Ends(tail: Tail, endAt: number): readonly Fields[] {
  const { view } = tail;
  const locator = endAt - zip64LocatorBytes;
  if (locator < 0 || view.getUint32(locator, true) !== zip64LocatorSignature) return [];
  const claimed = Number(view.getBigUint64(locator + 8, true)) - tail.start;
  return [...new Set([locator - zip64EndBytes, claimed])].flatMap((at): Fields[] => {
    if (at < 0 || at + zip64EndBytes > locator || view.getUint32(at, true) !== zip64EndSignature) return [];
    return [
      {
        at,
        count: Number(view.getBigUint64(at + 32, true)),
        size: Number(view.getBigUint64(at + 40, true)),
        offset: Number(view.getBigUint64(at + 48, true)),
      },
    ];
  });
}
