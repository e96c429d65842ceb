import { maxReadAttributes } from "../../problem/limits";
import { decodeTensor } from "../../tensors/decode";
import { readBtreeV2 } from "./btreeV2";
import { readDataspace } from "./dataset";
import { type Hdf5Type, readDatatype } from "./datatype";
import { FractalHeap } from "./fractalHeap";
import type { GlobalHeaps } from "./globalHeap";
import { Hdf5Fields, type Hdf5File } from "./hdf5File";
import { type HeaderMessage, messageTypes, readObjectHeader, sharedAddress } from "./objectHeader";

/** A value that is kept beside an object, as text. */
export interface Hdf5Attribute {
  readonly name: string;
  /** Of one text or number; undefined for lists and for what has no text. */
  readonly value: string | undefined;
  /** Each value of a list. */
  readonly list: readonly string[] | undefined;
  /** As it is shown. */
  readonly text: string;
  /** What a program may unpickle: bytes of no kind, and text. */
  readonly payload?: Uint8Array;
}

const attributeNameTree = 8;
/** A list is shown up to here; what Keras keeps in lists are the names of layers. */
const maxListItems = 4096;

/** The attributes of an object, at most some thousand; those that cannot be read are left out. */
export async function readAttributes(
  file: Hdf5File,
  heaps: GlobalHeaps,
  messages: readonly HeaderMessage[],
): Promise<readonly Hdf5Attribute[]> {
  const bodies = messages
    .filter(({ type, isShared }) => type === messageTypes.attribute && !isShared)
    .map(({ fields }) => fromStart(fields));
  const info = messages.find(({ type }) => type === messageTypes.attributeInfo);
  if (info !== undefined) bodies.push(...(await readDenseAttributes(file, fromStart(info.fields))));
  const found: Hdf5Attribute[] = [];
  for (const body of bodies.slice(0, maxReadAttributes)) found.push(await readAttribute(file, heaps, body));
  return found;
}

/** A message's own fields stand where its last reader stopped. */
function fromStart({ bytes, fileOffset, widths }: Hdf5Fields): Hdf5Fields {
  return new Hdf5Fields(bytes, fileOffset, widths);
}

async function readDenseAttributes(file: Hdf5File, info: Hdf5Fields): Promise<readonly Hdf5Fields[]> {
  info.skip(1);
  if ((info.u8() & 1) !== 0) info.skip(2);
  const heapAddress = info.address();
  const tree = info.address();
  if (heapAddress === undefined || tree === undefined) return [];
  const heap = await FractalHeap.open(file, heapAddress);
  const records = await readBtreeV2(file, tree, attributeNameTree);
  const bodies: Hdf5Fields[] = [];
  for (const record of records.slice(0, maxReadAttributes))
    bodies.push(await heap.object(record.subarray(0, 8)));
  return bodies;
}

/** An attribute message (IV.A.2.m). */
async function readAttribute(file: Hdf5File, heaps: GlobalHeaps, fields: Hdf5Fields): Promise<Hdf5Attribute> {
  const version = fields.u8();
  const flags = fields.u8();
  const [nameBytes, typeBytes, spaceBytes] = [fields.u16(), fields.u16(), fields.u16()];
  if (version === 3) fields.skip(1);
  // Before version 2 each part is padded to a multiple of eight.
  const part = (length: number) => {
    const { fileOffset, at } = fields;
    const bytes = fields.take(length);
    if (version === 1) fields.skip((8 - (length % 8)) % 8);
    return new Hdf5Fields(bytes, fileOffset + at, file.widths);
  };
  const name = cString(part(nameBytes).bytes);
  const typeFields = part(typeBytes);
  const spaceFields = part(spaceBytes);
  const isShared = version > 1 && (flags & 1) !== 0;
  const type = isShared ? await sharedType(file, typeFields) : readDatatype(typeFields);
  const space = readDataspace(spaceFields);
  if (type === undefined || space === undefined)
    return { name, value: undefined, list: undefined, text: "no value" };
  const bytes = fields.take(fields.left);
  const payload = type.isOpaque || type.text === "fixed" ? { payload: bytes } : {};
  return { name, ...payload, ...(await readValues(heaps, bytes, type, space.shape)) };
}

async function sharedType(file: Hdf5File, fields: Hdf5Fields): Promise<Hdf5Type | undefined> {
  const address = sharedAddress(fields);
  if (address === undefined) return undefined;
  const messages = await readObjectHeader(file, address);
  const message = messages.find(({ type, isShared }) => type === messageTypes.datatype && !isShared);
  return message && readDatatype(message.fields);
}

async function readValues(
  heaps: GlobalHeaps,
  bytes: Uint8Array,
  type: Hdf5Type,
  shape: readonly number[],
): Promise<Omit<Hdf5Attribute, "name">> {
  const axes = [...shape, ...type.innerShape];
  const count = axes.reduce((product, size) => product * size, 1);
  const itemCount = Math.min(count, maxListItems, Math.floor(bytes.length / Math.max(1, type.itemBytes)));
  const items: string[] = [];
  for (let index = 0; index < itemCount; index++) {
    const item = bytes.subarray(index * type.itemBytes, (index + 1) * type.itemBytes);
    const text = await valueText(heaps, item, type);
    if (text === undefined) return { value: undefined, list: undefined, text: `${type.dtype} value` };
    items.push(text);
  }
  if (axes.length === 0) return { value: items[0], list: undefined, text: items[0] ?? "" };
  const rest = count > itemCount ? `, … ${count - itemCount} more` : "";
  return { value: undefined, list: items, text: `[${items.join(", ")}${rest}]` };
}

async function valueText(heaps: GlobalHeaps, item: Uint8Array, type: Hdf5Type): Promise<string | undefined> {
  if (type.text === "fixed") return cString(item);
  if (type.text === "variable") {
    const bytes = await heaps.bytes(item, 1);
    return bytes && cString(bytes);
  }
  if (!numeric.has(type.dtype) || type.narrow !== undefined) return undefined;
  const [value] = decodeTensor(type.bigEndian ? item.slice().reverse() : item, type.dtype, 1);
  return type.dtype === "BOOL" ? String(value === 1) : String(value);
}

const numeric: ReadonlySet<string> = new Set(
  "BOOL U8 I8 U16 I16 U32 I32 U64 I64 F16 BF16 F32 F64".split(" "),
);

function cString(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
}
