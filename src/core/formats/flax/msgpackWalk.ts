import { ByteCursor } from "../../bytes/byteCursor";
import type { ByteSource } from "../../bytes/byteSource";
import { CheckpointError } from "../../problem/checkpointError";
import { maxCollectedTensors } from "../../problem/limits";

/** What stands at a place, without what it holds: bytes and texts are passed over. */
export type MsgpackItem =
  | { readonly kind: "map" | "array"; readonly count: number }
  | { readonly kind: "text" | "bytes"; readonly start: number; readonly length: number }
  | { readonly kind: "extension"; readonly type: number; readonly start: number; readonly length: number }
  | { readonly kind: "value"; readonly value: null | boolean | number };

const maxItems = 20 * maxCollectedTensors;

/** Reads MessagePack (https://github.com/msgpack/msgpack/blob/master/spec.md) item by item, by range. */
export class MsgpackWalk {
  readonly cursor: ByteCursor;
  private items = 0;

  constructor(source: ByteSource, signal?: AbortSignal) {
    this.cursor = new ByteCursor(source, signal);
  }

  /** The item at the cursor, which stands behind its head afterwards, and behind the whole of bytes and texts. */
  async next(): Promise<MsgpackItem> {
    const { at } = this.cursor;
    if (++this.items > maxItems) throw damagedMsgpack(at, "more items than any checkpoint has");
    if (at >= this.cursor.size) throw cut(at);
    const [code] = await this.cursor.take(1);
    const head = code as number;
    if (head < 0x80) return { kind: "value", value: head };
    if (head < 0x90) return { kind: "map", count: head & 0x0f };
    if (head < 0xa0) return { kind: "array", count: head & 0x0f };
    if (head < 0xc0) return this.span("text", head & 0x1f);
    if (head >= 0xe0) return { kind: "value", value: head - 256 };
    return this.long(head, at);
  }

  /** A short text, such as a key. */
  async text({ start, length }: { readonly start: number; readonly length: number }): Promise<string> {
    const { at } = this.cursor;
    this.cursor.at = start;
    const text = new TextDecoder().decode(await this.cursor.take(Math.min(length, 64 * 1024)));
    this.cursor.at = at;
    return text;
  }

  private async long(head: number, at: number): Promise<MsgpackItem> {
    const width = (first: number) => 2 ** (head - first);
    if (head === 0xc0) return { kind: "value", value: null };
    if (head === 0xc2 || head === 0xc3) return { kind: "value", value: head === 0xc3 };
    if (head >= 0xc4 && head <= 0xc6) return this.span("bytes", await this.unsigned(width(0xc4)));
    if (head >= 0xc7 && head <= 0xc9) return this.extension(await this.unsigned(width(0xc7)));
    if (head === 0xca || head === 0xcb) return { kind: "value", value: await this.float(width(0xca) * 4) };
    if (head >= 0xcc && head <= 0xcf) return { kind: "value", value: await this.unsigned(width(0xcc)) };
    if (head >= 0xd0 && head <= 0xd3) return { kind: "value", value: await this.signed(width(0xd0)) };
    if (head >= 0xd4 && head <= 0xd8) return this.extension(width(0xd4));
    if (head >= 0xd9 && head <= 0xdb) return this.span("text", await this.unsigned(width(0xd9)));
    if (head === 0xdc || head === 0xdd) return { kind: "array", count: await this.unsigned(width(0xdc) * 2) };
    if (head === 0xde || head === 0xdf) return { kind: "map", count: await this.unsigned(width(0xde) * 2) };
    throw damagedMsgpack(at, `the byte ${head}, which begins nothing`);
  }

  private span(kind: "text" | "bytes", length: number): MsgpackItem {
    const start = this.cursor.at;
    if (start + length > this.cursor.size) throw cut(this.cursor.size);
    this.cursor.at = start + length;
    return { kind, start, length };
  }

  private async extension(length: number): Promise<MsgpackItem> {
    const [type] = await this.view(1, (view) => [view.getInt8(0)]);
    const start = this.cursor.at;
    if (start + length > this.cursor.size) throw cut(this.cursor.size);
    this.cursor.at = start + length;
    return { kind: "extension", type: type as number, start, length };
  }

  private unsigned(width: number): Promise<number> {
    return this.view(width, (view) => {
      if (width === 8) return Number(view.getBigUint64(0));
      return width === 4 ? view.getUint32(0) : width === 2 ? view.getUint16(0) : view.getUint8(0);
    });
  }

  private signed(width: number): Promise<number> {
    return this.view(width, (view) => {
      if (width === 8) return Number(view.getBigInt64(0));
      return width === 4 ? view.getInt32(0) : width === 2 ? view.getInt16(0) : view.getInt8(0);
    });
  }

  private float(width: number): Promise<number> {
    return this.view(width, (view) => (width === 8 ? view.getFloat64(0) : view.getFloat32(0)));
  }

  private async view<T>(length: number, read: (view: DataView) => T): Promise<T> {
    if (this.cursor.at + length > this.cursor.size) throw cut(this.cursor.size);
    const bytes = await this.cursor.take(length);
    return read(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  }
}

export function damagedMsgpack(offset: number, what: string): CheckpointError {
  const message = `At byte ${offset} stands ${what}. The file is damaged, or no checkpoint of Flax.`;
  return new CheckpointError("DamagedMsgpack", message, offset);
}

function cut(offset: number): CheckpointError {
  const message = `The file ends at byte ${offset}, inside a value. The save or the download did not finish.`;
  return new CheckpointError("FileCut", message, offset);
}
