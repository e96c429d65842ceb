import { maskedCrc32c } from "../../bytes/checksums/crc32";
import { CheckpointError } from "../../problem/checkpointError";
import { maxCollectedTensors, maxTableBlockBytes } from "../../problem/limits";
import { unpackSnappy } from "./snappy";

const footerBytes = 48;
const magicLow = 0x8b80fb57;
const magicHigh = 0xdb477524;
const trailerBytes = 5;

export interface TableEntry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/**
 * Every entry of a sorted table (LevelDB's table_format.md, as TensorFlow writes its `.index` files), in the order of
 * the keys. Blocks are read although their checksum is not that of their bytes, and told by their offsets.
 * @throws CheckpointError where it is none, is cut or damaged.
 */
export function* readSortedTable(
  table: Uint8Array,
  onDamage: (offset: number) => void,
): Generator<TableEntry> {
  const view = new DataView(table.buffer, table.byteOffset, table.byteLength);
  const footer = table.length - footerBytes;
  const isTable =
    footer >= 0 &&
    view.getUint32(table.length - 8, true) === magicLow &&
    view.getUint32(table.length - 4, true) === magicHigh;
  if (!isTable) {
    const message =
      "The file does not end as an index of TensorFlow does, which is written last. The save or the download did not finish.";
    throw new CheckpointError("NoTableFooter", message, Math.max(0, footer));
  }
  const handles = new Varints(table.subarray(footer, table.length - 8), footer);
  handles.next();
  handles.next();
  const index = readBlock(table, handles.next(), handles.next(), onDamage);
  let count = 0;
  for (const { value } of readEntries(index)) {
    const handle = new Varints(value, footer);
    const block = readBlock(table, handle.next(), handle.next(), onDamage);
    for (const entry of readEntries(block)) {
      if (++count > 4 * maxCollectedTensors)
        throw new CheckpointError("TooManyEntries", "The index has more entries than any checkpoint.");
      yield entry;
    }
  }
}

interface Block {
  readonly bytes: Uint8Array;
  /** Where it stands in the table, for messages. */
  readonly offset: number;
}

/** A block and its trailer: how it is compressed, and a checksum. */
function readBlock(
  table: Uint8Array,
  offset: number,
  size: number,
  onDamage: (offset: number) => void,
): Block {
  if (offset + size + trailerBytes > table.length)
    throw damaged(offset, "a block should stand that lies beyond the end");
  const stored = table.subarray(offset, offset + size);
  const kind = table[offset + size];
  const checksum = new DataView(table.buffer, table.byteOffset + offset + size + 1, 4).getUint32(0, true);
  if (maskedCrc32c(table, offset, offset + size + 1) !== checksum) onDamage(offset);
  if (kind === 0) return { bytes: stored, offset };
  if (kind === 1) return { bytes: unpackSnappy(stored, maxTableBlockBytes), offset };
  throw damaged(offset, `a block stands that is compressed in a way (${kind}) that is not known`);
}

/** Keys share their beginning with the one before; restart points at the end are for searching. */
function* readEntries({ bytes, offset }: Block): Generator<TableEntry> {
  if (bytes.length < 4) throw damaged(offset, "a block stands that is too short");
  const restarts = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(
    bytes.length - 4,
    true,
  );
  const end = bytes.length - 4 - 4 * restarts;
  if (end < 0) throw damaged(offset, "a block stands that ends before its first entry");
  const varints = new Varints(bytes.subarray(0, end), offset);
  let key = new Uint8Array();
  while (varints.at < end) {
    const [shared, unshared, valueLength] = [varints.next(), varints.next(), varints.next()];
    const start = varints.at;
    if (shared > key.length || start + unshared + valueLength > end)
      throw damaged(offset, "a block stands whose entries run over its end");
    const next = new Uint8Array(shared + unshared);
    next.set(key.subarray(0, shared));
    next.set(bytes.subarray(start, start + unshared), shared);
    key = next;
    varints.at = start + unshared + valueLength;
    yield { key, value: bytes.subarray(start + unshared, varints.at) };
  }
}

class Varints {
  at = 0;

  constructor(
    private readonly bytes: Uint8Array,
    private readonly offset: number,
  ) {}

  next(): number {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = this.bytes[this.at++];
      if (byte === undefined || factor > 2 ** 49)
        throw damaged(this.offset, "a number stands that does not end");
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
  }
}

function damaged(offset: number, what: string): CheckpointError {
  return new CheckpointError(
    "DamagedTable",
    `At byte ${offset} of the index ${what}. The file is damaged.`,
    offset,
  );
}
