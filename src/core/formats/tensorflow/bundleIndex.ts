import { maxTensorAxes } from "../../problem/limits";
import { fieldsIn } from "../onnx/protobuf";
import { readSortedTable } from "./sortedTable";

/** What the index of a bundle says (tensor_bundle.proto). */
export interface BundleIndex {
  readonly shardCount: number;
  readonly bigEndian: boolean;
  readonly entries: ReadonlyMap<string, BundleEntry>;
  /** Of the parts of partitioned variables, by the key that `sliceKey` makes. */
  readonly slices: ReadonlyMap<string, BundleEntry>;
  /** Where blocks stand whose checksum is not that of their bytes. */
  readonly damagedBlocks: readonly number[];
}

export interface BundleEntry {
  /** A number of types.proto. */
  readonly type: number;
  readonly shape: readonly number[];
  readonly shard: number;
  readonly offset: number;
  readonly size: number;
  /** Masked CRC-32C of the bytes; undefined where none is said. */
  readonly checksum: number | undefined;
  /** The parts that a partitioned variable was saved in; empty where its bytes stand here. */
  readonly slices: readonly BundleSlice[];
}

/** For each axis where the part begins and how long it is; undefined for the whole axis. */
export type BundleSlice = readonly (readonly [start: number, length: number] | undefined)[];

/** @throws CheckpointError where the index is damaged. */
export function readBundleIndex(table: Uint8Array): BundleIndex {
  const entries = new Map<string, BundleEntry>();
  const slices = new Map<string, BundleEntry>();
  let [shardCount, bigEndian] = [1, false];
  const damagedBlocks: number[] = [];
  for (const { key, value } of readSortedTable(table, (offset) => damagedBlocks.push(offset))) {
    if (key.length === 0) {
      for (const { number, value: told } of fieldsIn(value)) {
        if (number === 1) shardCount = told;
        if (number === 2) bigEndian = told === 1;
      }
    } else if (key[0] === 0) slices.set(latin1(key), readEntry(value));
    else entries.set(new TextDecoder().decode(key), readEntry(value));
  }
  return { shardCount, bigEndian, entries, slices, damagedBlocks };
}

/** BundleEntryProto: 1 dtype, 2 shape, 3 shard_id, 4 offset, 5 size, 6 crc32c, 7 slices. */
function readEntry(message: Uint8Array): BundleEntry {
  const found = { type: 0, shape: [] as number[], shard: 0, offset: 0, size: 0 };
  const slices: BundleSlice[] = [];
  let checksum: number | undefined;
  for (const { number, value, bytes } of fieldsIn(message)) {
    if (number === 1) found.type = value;
    else if (number === 2) found.shape = readShape(bytes);
    else if (number === 3) found.shard = value;
    else if (number === 4) found.offset = value;
    else if (number === 5) found.size = value;
    else if (number === 6 && bytes.length === 4)
      checksum = new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true);
    else if (number === 7) slices.push(readSlice(bytes));
  }
  return { ...found, checksum, slices };
}

/** TensorShapeProto: 2 dim {1 size}. */
function readShape(message: Uint8Array): number[] {
  const shape: number[] = [];
  for (const { number, bytes } of fieldsIn(message)) {
    if (number !== 2 || shape.length >= maxTensorAxes) continue;
    let size = 0;
    for (const field of fieldsIn(bytes)) if (field.number === 1) size = field.value;
    shape.push(size);
  }
  return shape;
}

/** TensorSliceProto: 1 extent {1 start, 2 length}; an extent without a length is the whole axis. */
function readSlice(message: Uint8Array): BundleSlice {
  const slice: (readonly [number, number] | undefined)[] = [];
  for (const { number, bytes } of fieldsIn(message)) {
    if (number !== 1) continue;
    let [first, length]: [number, number | undefined] = [0, undefined];
    for (const field of fieldsIn(bytes)) {
      if (field.number === 1) first = field.value;
      if (field.number === 2) length = field.value;
    }
    slice.push(length === undefined ? undefined : [first, length]);
  }
  return slice;
}

/** Under which key a part stands (`EncodeTensorNameSlice`, in the ordered code of the table). */
export function sliceKey(name: string, slice: BundleSlice): string {
  const out: number[] = [0];
  for (const byte of new TextEncoder().encode(name)) {
    out.push(byte);
    if (byte === 0) out.push(0xff);
    if (byte === 0xff) out.push(0);
  }
  out.push(0, 1);
  pushUnsigned(out, slice.length);
  for (const extent of slice) {
    const [start, length] = extent ?? [0, -1];
    pushSigned(out, start);
    pushSigned(out, length);
  }
  return String.fromCharCode(...out);
}

/** A count of bytes, and the number with its highest byte first. */
function pushUnsigned(out: number[], value: number): void {
  const bytes: number[] = [];
  for (let rest = value; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  out.push(bytes.length, ...bytes);
}

/** Each byte more gives seven bits; ones at the head say how many bytes there are. */
function pushSigned(out: number[], value: number): void {
  if (value >= -64 && value < 64) {
    out.push((0x80 ^ (value & 0xff)) & 0xff);
    return;
  }
  let length = 2;
  while (value >= 2 ** (7 * length - 1)) length++;
  const bytes: number[] = [];
  for (let rest = value, at = 0; at < length; at++, rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  // Ones from the highest bit on, as many as there are bytes; shapes have no more than seven.
  bytes[0] = (bytes[0] as number) ^ ((0xff00 >> length) & 0xff);
  out.push(...bytes);
}

function latin1(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}
