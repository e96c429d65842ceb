import { maskedCrc32c } from "../../../src/core/bytes/checksums/crc32";
import { protoBytes, protoNumber, varint } from "./proto";

/** Numbers of types.proto. */
export const bundleTypes = { F32: 1, I32: 3, string: 7, I64: 9, BF16: 14 } as const;

export interface BundledTensor {
  /** As text, or the bytes of a key of the table. */
  readonly key: string | Uint8Array;
  readonly type: number;
  readonly shape: readonly number[];
  readonly shard?: number;
  readonly bytes?: Uint8Array;
  /** Of a partitioned variable: `[start, length]` for each axis, undefined for the whole of it. */
  readonly slices?: readonly (readonly (readonly [number, number] | undefined)[])[];
  /** Instead of what is true. */
  readonly claimedSize?: number;
  /** Keeps the masked CRC-32C of its bytes, as TensorFlow does. */
  readonly hasChecksum?: true;
}

export interface BundleOptions {
  readonly shards?: number;
  readonly bigEndian?: boolean;
  /** Entries of a block. */
  readonly blockEntries?: number;
  /** Compresses a block, to a length and what follows it. */
  readonly pack?: (block: Uint8Array) => Uint8Array;
}

/** The files of a bundle by their names: a table after LevelDB's table_format.md, entries after tensor_bundle.proto. */
export function tensorflowBundle(
  prefix: string,
  tensors: readonly BundledTensor[],
  { shards = 1, bigEndian = false, blockEntries = 3, pack }: BundleOptions = {},
): Record<string, Uint8Array> {
  const data = Array.from({ length: shards }, () => [] as Uint8Array[]);
  const header = Buffer.from([...protoNumber(1, shards), ...(bigEndian ? protoNumber(2, 1) : [])]);
  const entries: [key: Buffer, value: Buffer][] = [[Buffer.alloc(0), header]];
  for (const { key, type, shape, shard = 0, bytes, slices = [], claimedSize, hasChecksum } of tensors) {
    const parts = data[shard] ?? [];
    const offset = parts.reduce((sum, { length }) => sum + length, 0);
    if (bytes !== undefined) parts.push(bytes);
    const dims = shape.flatMap((size) => protoBytes(2, protoNumber(1, size)));
    const extentOf = (extent: readonly [number, number] | undefined) =>
      protoBytes(1, extent === undefined ? [] : [...protoNumber(1, extent[0]), ...protoNumber(2, extent[1])]);
    const value = Buffer.from([
      ...protoNumber(1, type),
      ...protoBytes(2, dims),
      ...protoNumber(3, shard),
      ...protoNumber(4, offset),
      ...protoNumber(5, claimedSize ?? bytes?.length ?? 0),
      ...(bytes === undefined || hasChecksum !== true
        ? []
        : fixed32(6, maskedCrc32c(bytes, 0, bytes.length))),
      ...slices.flatMap((slice) => protoBytes(7, slice.flatMap(extentOf))),
    ]);
    entries.push([Buffer.from(key as string), value]);
  }
  entries.sort(([a], [b]) => Buffer.compare(a, b));
  const files: Record<string, Uint8Array> = { [`${prefix}.index`]: table(entries, blockEntries, pack) };
  const digits = (value: number) => `${value}`.padStart(5, "0");
  for (const [at, parts] of data.entries())
    files[`${prefix}.data-${digits(at)}-of-${digits(shards)}`] = new Uint8Array(Buffer.concat(parts));
  return files;
}

function fixed32(field: number, value: number): number[] {
  return [(field << 3) | 5, ...new Uint8Array(Uint32Array.of(value).buffer)];
}

function table(
  entries: readonly (readonly [Buffer, Buffer])[],
  blockEntries: number,
  pack: BundleOptions["pack"],
): Uint8Array {
  const parts: Buffer[] = [];
  let at = 0;
  const write = (block: Buffer, packed?: Uint8Array) => {
    const stored = packed ?? block;
    // The trailer: how it is compressed, and a checksum.
    const trailed = Buffer.from([...stored, packed === undefined ? 0 : 1, 0, 0, 0, 0]);
    trailed.writeUInt32LE(maskedCrc32c(trailed, 0, stored.length + 1), stored.length + 1);
    parts.push(trailed);
    const handle = Buffer.from([...varint(at), ...varint(stored.length)]);
    at += stored.length + 5;
    return handle;
  };
  const index: [Buffer, Buffer][] = [];
  for (let first = 0; first < entries.length; first += blockEntries) {
    const some = entries.slice(first, first + blockEntries);
    const block = blockOf(some);
    index.push([(some.at(-1) as [Buffer, Buffer])[0], write(block, pack?.(block))]);
  }
  const metaHandle = write(blockOf([]));
  const indexHandle = write(blockOf(index));
  const footer = Buffer.alloc(48);
  Buffer.concat([metaHandle, indexHandle]).copy(footer);
  footer.writeUInt32LE(0x8b80fb57, 40);
  footer.writeUInt32LE(0xdb477524, 44);
  return new Uint8Array(Buffer.concat([...parts, footer]));
}

/** Keys share their beginning with the one before, but for the first of a block. */
function blockOf(entries: readonly (readonly [Buffer, Buffer])[]): Buffer {
  let before = Buffer.alloc(0);
  const parts = entries.flatMap(([key, value]) => {
    let shared = 0;
    while (shared < Math.min(key.length, before.length) && key[shared] === before[shared]) shared++;
    before = Buffer.from(key);
    const lengths = [shared, key.length - shared, value.length].flatMap((length) => varint(length));
    return [Buffer.from(lengths), key.subarray(shared), value];
  });
  const restarts = Buffer.alloc(8);
  restarts.writeUInt32LE(1, 4);
  return Buffer.concat([...parts, restarts]);
}
