import { crc32 } from "../../../bytes/checksums/crc32";

/** A `.wandb` file begins with `:W&B`, a magic number and a version. */
export const fileHeaderBytes = 7;
const fileMagic = [0x3a, 0x57, 0x26, 0x42, 0xe1, 0xbe] as const;

/** LevelDB's log format: blocks counted from the beginning of the file, in which chunks do not cross. */
const blockBytes = 32_768;
/** `u32 crc | u16 length | u8 type`. */
const chunkHeaderBytes = 7;

const full = 1;
const first = 2;
const last = 4;

export function isWandbFile(head: Uint8Array): boolean {
  return fileMagic.every((byte, index) => head[index] === byte);
}

/** What stands at a place of the file. */
export type Framed =
  | { readonly kind: "record"; readonly record: Uint8Array; readonly end: number }
  /** The end of the window comes first. */
  | { readonly kind: "cut" }
  | { readonly kind: "damaged"; readonly at: number };

/**
 * The record that begins at `start` of the window, whose first byte is at `offset` of the file. Its checksum
 * is the one of zip over the type and the data, not LevelDB's masked one (wandb, datastore.py).
 */
export function readFramed(bytes: Uint8Array, start: number, offset: number): Framed {
  const parts: Uint8Array[] = [];
  let at = start;
  for (;;) {
    const room = blockBytes - ((offset + at) % blockBytes);
    if (room < chunkHeaderBytes) {
      at += room;
      continue;
    }
    if (at + chunkHeaderBytes > bytes.length) return { kind: "cut" };
    const view = new DataView(bytes.buffer, bytes.byteOffset + at, chunkHeaderBytes);
    const length = view.getUint16(4, true);
    const type = view.getUint8(6);
    const begins = type === full || type === first;
    if (type < full || type > last || chunkHeaderBytes + length > room || begins !== (parts.length === 0)) {
      return { kind: "damaged", at };
    }
    const data = at + chunkHeaderBytes;
    if (data + length > bytes.length) return { kind: "cut" };
    if (crc32.of(bytes, data - 1, data + length) !== view.getUint32(0, true)) return { kind: "damaged", at };
    parts.push(bytes.subarray(data, data + length));
    at = data + length;
    if (type === full || type === last) return { kind: "record", record: joinParts(parts), end: at };
  }
}

function joinParts(parts: readonly Uint8Array[]): Uint8Array {
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) return only;
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
