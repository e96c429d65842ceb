import type { ByteCursor } from "../../bytes/byteCursor";
import { CheckpointError } from "../../problem/checkpointError";
import { formatCount } from "../../text/quantities";

/** GGUF's metadata value types and the bytes of those of fixed size (ggml/docs/gguf.md). */
const fixedSizes = [1, 1, 2, 2, 4, 4, 4, 1, undefined, undefined, 8, 8, 8] as const;

const typeNames = [
  "u8",
  "i8",
  "u16",
  "i16",
  "u32",
  "i32",
  "f32",
  "bool",
  "string",
  "array",
  "u64",
  "i64",
  "f64",
];

const stringType = 8;
const arrayType = 9;

/** Elements of an array that are shown; vocabularies of 250,000 words are walked over. */
const shownElements = 32;

/** ggml itself refuses longer ones. */
const maxStringBytes = 2 ** 30;
const maxArrayElements = 2 ** 30;
const maxArrayDepth = 4;

/** How much of a text is kept: a chat template whole, a megabyte not. */
const keptTextBytes = 64 * 1024;

/** Reads the numbers of a header in its byte order; version 1 counts with 32 bits. */
export class GgufCursor {
  constructor(
    readonly bytes: ByteCursor,
    readonly littleEndian: boolean,
    private readonly countBytes: 4 | 8,
  ) {}

  async view(length: number): Promise<DataView> {
    const { at } = this.bytes;
    if (at + length > this.bytes.size) throw cut(at, length, this.bytes.size);
    const bytes = await this.bytes.take(length);
    return new DataView(bytes.buffer, bytes.byteOffset, length);
  }

  async u32(): Promise<number> {
    return (await this.view(4)).getUint32(0, this.littleEndian);
  }

  async u64(): Promise<number> {
    return Number((await this.view(8)).getBigUint64(0, this.littleEndian));
  }

  /** A count or a length. */
  count(): Promise<number> {
    return this.countBytes === 4 ? this.u32() : this.u64();
  }

  /** @throws CheckpointError where the text is longer than the file or than ggml reads. */
  async text(): Promise<string> {
    const { at } = this.bytes;
    const length = await this.count();
    if (length > maxStringBytes) throw impossible(at, `a text of ${formatCount(length)} bytes`);
    const start = this.bytes.at;
    if (start + length > this.bytes.size) throw cut(start, length, this.bytes.size);
    const kept = await this.bytes.take(Math.min(length, keptTextBytes));
    const text = new TextDecoder().decode(kept);
    this.bytes.at = start + length;
    return length > keptTextBytes ? `${text}… (${formatCount(length)} bytes)` : text;
  }

  skip(length: number): void {
    if (this.bytes.at + length > this.bytes.size) throw cut(this.bytes.at, length, this.bytes.size);
    this.bytes.at += length;
  }
}

/** A metadata value as text, and as a number where it is one. */
export interface GgufValue {
  readonly text: string;
  readonly number?: number;
}

/** Reads the value of a key, of which long arrays are skipped element by element or by their size. */
export async function readValue(cursor: GgufCursor, type: number, depth = 0): Promise<GgufValue> {
  const size = fixedSizes[type];
  if (size !== undefined) return number(await cursor.view(size), type, cursor.littleEndian);
  if (type === stringType) return { text: await cursor.text() };
  if (type === arrayType && depth < maxArrayDepth) return readArray(cursor, depth);
  const what =
    type === arrayType ? "an array nested too deep" : `a value of type ${type}, which does not exist`;
  // Its size is not known, so nothing behind it can be found.
  throw impossible(cursor.bytes.at, what);
}

async function readArray(cursor: GgufCursor, depth: number): Promise<GgufValue> {
  const { at } = cursor.bytes;
  const type = await cursor.u32();
  const count = await cursor.count();
  if (count > maxArrayElements) throw impossible(at, `an array of ${formatCount(count)} elements`);
  const shown: string[] = [];
  const first = Math.min(count, shownElements);
  for (let index = 0; index < first; index++) {
    const { text } = await readValue(cursor, type, depth + 1);
    shown.push(type === stringType ? JSON.stringify(text) : text);
  }
  await skipElements(cursor, type, count - first, depth);
  const rest = count > first ? `, … ${formatCount(count)} of ${typeNames[type] ?? "unknown type"}` : "";
  return { text: `[${shown.join(", ")}${rest}]` };
}

async function skipElements(cursor: GgufCursor, type: number, count: number, depth: number): Promise<void> {
  const size = fixedSizes[type];
  if (size !== undefined) return cursor.skip(count * size);
  for (let index = 0; index < count; index++) {
    if (type === stringType) {
      const length = await cursor.count();
      cursor.skip(length);
    } else await readValue(cursor, type, depth + 1);
  }
}

function number(view: DataView, type: number, littleEndian: boolean): GgufValue {
  switch (type) {
    case 0:
      return exact(view.getUint8(0));
    case 1:
      return exact(view.getInt8(0));
    case 2:
      return exact(view.getUint16(0, littleEndian));
    case 3:
      return exact(view.getInt16(0, littleEndian));
    case 4:
      return exact(view.getUint32(0, littleEndian));
    case 5:
      return exact(view.getInt32(0, littleEndian));
    case 6:
      return exact(Number(view.getFloat32(0, littleEndian).toPrecision(7)));
    case 7:
      return { text: view.getUint8(0) === 0 ? "false" : "true" };
    case 10:
      return long(view.getBigUint64(0, littleEndian));
    case 11:
      return long(view.getBigInt64(0, littleEndian));
    default:
      return exact(view.getFloat64(0, littleEndian));
  }
}

function exact(value: number): GgufValue {
  return { text: String(value), number: value };
}

function long(value: bigint): GgufValue {
  return { text: String(value), number: Number(value) };
}

function cut(offset: number, length: number, size: number): CheckpointError {
  const needed = `its header goes on to byte ${formatCount(offset + length)} at least, but the file has ${formatCount(size)} bytes`;
  return new CheckpointError("HeaderCut", `The file is cut: ${needed}. Fetch it again.`, offset);
}

export function impossible(offset: number, what: string): CheckpointError {
  const message = `At byte ${formatCount(offset)} the header claims ${what}. The file is damaged.`;
  return new CheckpointError("DamagedHeader", message, offset);
}
