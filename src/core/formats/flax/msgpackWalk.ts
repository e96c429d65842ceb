import { ByteCursor } from "../../bytes/byteCursor";
import type { ByteSource } from "../../bytes/byteSource";
import { CheckpointError } from "../../problem/checkpointError";
import { maxCollectedTensors } from "../../problem/limits";

/** What stands at a place, without what it holds: bytes and texts are passed over. `end`: where the next begins. */
export type MsgpackItem = { readonly end: number } & (
  | { readonly kind: "map" | "array"; readonly count: number }
  | { readonly kind: "text" | "bytes"; readonly start: number; readonly length: number }
  | { readonly kind: "extension"; readonly type: number; readonly start: number; readonly length: number }
  | { readonly kind: "value"; readonly value: null | boolean | number }
);

const maxItems = 20 * maxCollectedTensors;
/** A byte and a number of eight, or a length of four and a kind. */
const longestHead = 9;
/** Of a text, such as a key, so much is read. */
const maxTextBytes = 64 * 1024;
const decoder = new TextDecoder();

/** Reads MessagePack (https://github.com/msgpack/msgpack/blob/master/spec.md) item by item, by range. */
export class MsgpackWalk {
  private readonly cursor: ByteCursor;
  private items = 0;

  constructor(source: ByteSource, signal?: AbortSignal) {
    this.cursor = new ByteCursor(source, signal);
  }

  /** Where the next item begins. */
  get at(): number {
    return this.cursor.at;
  }

  /** The item at the cursor, which stands behind its head afterwards, and behind the whole of bytes and texts. */
  async next(): Promise<MsgpackItem> {
    const { at } = this;
    if (++this.items > maxItems) throw damagedMsgpack(at, "more items than any checkpoint has");
    const head = await this.cursor.peek(longestHead);
    const item = itemIn(head, 0, at);
    if (item.end > this.cursor.size) throw cut(this.cursor.size);
    this.cursor.at = item.end;
    return item;
  }

  /** The first bytes of a text or an extension, `most` at most; the cursor stays where it is. */
  async bytes(
    { start, length }: { readonly start: number; readonly length: number },
    most: number,
  ): Promise<Uint8Array> {
    const { at } = this;
    this.cursor.at = start;
    const bytes = await this.cursor.peek(Math.min(length, most));
    this.cursor.at = at;
    return bytes;
  }

  async text(span: { readonly start: number; readonly length: number }): Promise<string> {
    return decoder.decode(await this.bytes(span, maxTextBytes));
  }
}

/**
 * The item that begins at `first` of bytes which stand in the file from `base` on.
 * @throws CheckpointError `FileCut` where its head does not fit into them.
 */
export function itemIn(bytes: Uint8Array, first: number, base: number): MsgpackItem {
  const head = bytes[first];
  if (head === undefined) throw cut(base + first);
  const after = first + 1;
  const value = (read: null | boolean | number, width = 0): MsgpackItem => ({
    kind: "value",
    value: read,
    end: base + after + width,
  });
  const number = (width: number, read: (view: DataView) => number) => {
    if (after + width > bytes.length) throw cut(base + bytes.length);
    return read(new DataView(bytes.buffer, bytes.byteOffset + after, width));
  };
  const unsigned = (width: number) =>
    number(width, (view) => {
      if (width === 8) return Number(view.getBigUint64(0));
      return width === 4 ? view.getUint32(0) : width === 2 ? view.getUint16(0) : view.getUint8(0);
    });
  const signed = (width: number) =>
    number(width, (view) => {
      if (width === 8) return Number(view.getBigInt64(0));
      return width === 4 ? view.getInt32(0) : width === 2 ? view.getInt16(0) : view.getInt8(0);
    });
  const many = (kind: "map" | "array", count: number, width = 0): MsgpackItem => ({
    kind,
    count,
    end: base + after + width,
  });
  const span = (kind: "text" | "bytes", length: number, width = 0): MsgpackItem => {
    const start = base + after + width;
    return { kind, start, length, end: start + length };
  };
  const extension = (length: number, width = 0): MsgpackItem => {
    const start = base + after + width + 1;
    const type = bytes[after + width];
    if (type === undefined) throw cut(base + bytes.length);
    return { kind: "extension", type: (type << 24) >> 24, start, length, end: start + length };
  };
  if (head < 0x80) return value(head);
  if (head < 0x90) return many("map", head & 0x0f);
  if (head < 0xa0) return many("array", head & 0x0f);
  if (head < 0xc0) return span("text", head & 0x1f);
  if (head >= 0xe0) return value(head - 256);
  const width = (from: number) => 2 ** (head - from);
  if (head === 0xc0) return value(null);
  if (head === 0xc2 || head === 0xc3) return value(head === 0xc3);
  if (head >= 0xc4 && head <= 0xc6) return span("bytes", unsigned(width(0xc4)), width(0xc4));
  if (head >= 0xc7 && head <= 0xc9) return extension(unsigned(width(0xc7)), width(0xc7));
  if (head === 0xca)
    return value(
      number(4, (view) => view.getFloat32(0)),
      4,
    );
  if (head === 0xcb)
    return value(
      number(8, (view) => view.getFloat64(0)),
      8,
    );
  if (head >= 0xcc && head <= 0xcf) return value(unsigned(width(0xcc)), width(0xcc));
  if (head >= 0xd0 && head <= 0xd3) return value(signed(width(0xd0)), width(0xd0));
  if (head >= 0xd4 && head <= 0xd8) return extension(width(0xd4));
  if (head >= 0xd9 && head <= 0xdb) return span("text", unsigned(width(0xd9)), width(0xd9));
  if (head === 0xdc || head === 0xdd) return many("array", unsigned(2 * width(0xdc)), 2 * width(0xdc));
  if (head === 0xde || head === 0xdf) return many("map", unsigned(2 * width(0xde)), 2 * width(0xde));
  throw damagedMsgpack(base + first, `the byte ${head}, which begins nothing`);
}

export function damagedMsgpack(offset: number, what: string): CheckpointError {
  const message = `At byte ${offset} stands ${what}. The file is damaged, or no checkpoint of Flax.`;
  return new CheckpointError("DamagedMsgpack", message, offset);
}

function cut(offset: number): CheckpointError {
  const message = `The file ends at byte ${offset}, inside a value. The save or the download did not finish.`;
  return new CheckpointError("FileCut", message, offset);
}
