import { CheckpointError } from "../../problem/checkpointError";

/**
 * Unpacks a block of Snappy (format_description.txt of google/snappy), up to `maxBytes` of what comes out.
 * @throws CheckpointError `DamagedSnappy` where it is none, is cut, or claims more.
 */
export function unpackSnappy(packed: Uint8Array, maxBytes: number): Uint8Array {
  let at = 0;
  let size = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = packed[at++];
    if (byte === undefined || shift > 28) throw damaged("its length does not end");
    size += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) break;
  }
  if (size > maxBytes) throw damaged(`it claims ${size} bytes`);
  const result = new Uint8Array(size);
  let to = 0;
  while (at < packed.length) {
    const tag = packed[at++] as number;
    if ((tag & 3) === 0) {
      let length = tag >> 2;
      if (length >= 60) {
        const width = length - 59;
        length = littleEndian(packed, at, width);
        at += width;
      }
      length++;
      if (at + length > packed.length || to + length > size) throw damaged("a literal is too long");
      result.set(packed.subarray(at, at + length), to);
      at += length;
      to += length;
      continue;
    }
    const isShort = (tag & 3) === 1;
    const length = isShort ? ((tag >> 2) & 7) + 4 : (tag >> 2) + 1;
    const width = isShort ? 1 : (tag & 3) === 2 ? 2 : 4;
    const offset = littleEndian(packed, at, width) + (isShort ? (tag >> 5) * 256 : 0);
    at += width;
    if (at > packed.length || offset === 0 || offset > to || to + length > size)
      throw damaged("a copy leads out of it");
    // Byte by byte: a copy may run into what it writes.
    for (let count = 0; count < length; count++, to++) result[to] = result[to - offset] as number;
  }
  if (to !== size) throw damaged(`it has ${to} of ${size} bytes`);
  return result;
}

function littleEndian(bytes: Uint8Array, at: number, width: number): number {
  let value = 0;
  for (let index = width - 1; index >= 0; index--) value = value * 256 + (bytes[at + index] ?? 0);
  return value;
}

function damaged(what: string): CheckpointError {
  return new CheckpointError("DamagedSnappy", `A block compressed by Snappy is damaged: ${what}.`);
}
