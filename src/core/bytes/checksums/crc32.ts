/** Cyclic redundancy checks of 32 bits, reflected, as logs and chunks are guarded by. */
export interface Crc32 {
  /** Of the bytes from `start` to `end`; `before` is the checksum of what stands before them. */
  of(bytes: Uint8Array, start: number, end: number, before?: number): number;
}

/** Bytes that one step takes: eight tables of 256 entries, one for each place. */
const places = 8;

function makeTables(polynomial: number): Uint32Array {
  const tables = new Uint32Array(places * 256);
  for (let byte = 0; byte < 256; byte++) {
    let rest = byte;
    for (let bit = 0; bit < 8; bit++) rest = rest & 1 ? (rest >>> 1) ^ polynomial : rest >>> 1;
    tables[byte] = rest;
  }
  for (let at = 256; at < tables.length; at++) {
    const previous = tables[at - 256] ?? 0;
    tables[at] = (previous >>> 8) ^ (tables[previous & 0xff] ?? 0);
  }
  return tables;
}

function crc32Of(polynomial: number): Crc32 {
  const tables = makeTables(polynomial);
  const table = (place: number, byte: number) => tables[(place << 8) | byte] as number;
  return {
    of(bytes, start, end, before = 0) {
      let crc = ~before;
      let at = start;
      for (const last = end - places; at <= last; at += places) {
        const low =
          crc ^
          ((bytes[at] as number) |
            ((bytes[at + 1] as number) << 8) |
            ((bytes[at + 2] as number) << 16) |
            ((bytes[at + 3] as number) << 24));
        crc =
          table(7, low & 0xff) ^
          table(6, (low >>> 8) & 0xff) ^
          table(5, (low >>> 16) & 0xff) ^
          table(4, low >>> 24) ^
          table(3, bytes[at + 4] as number) ^
          table(2, bytes[at + 5] as number) ^
          table(1, bytes[at + 6] as number) ^
          table(0, bytes[at + 7] as number);
      }
      for (; at < end; at++) crc = (crc >>> 8) ^ table(0, (crc ^ (bytes[at] as number)) & 0xff);
      return ~crc >>> 0;
    },
  };
}

/** The one of zip, gzip and PNG (IEEE 802.3). */
export const crc32 = crc32Of(0xedb88320);

/** Castagnoli's, of TensorFlow's and LevelDB's records. */
export const crc32c = crc32Of(0x82f63b78);

/** As TensorFlow stores it: a checksum of data that holds checksums would be weak without. */
export function maskedCrc32c(bytes: Uint8Array, start: number, end: number): number {
  return masked(crc32c.of(bytes, start, end));
}

export function masked(crc: number): number {
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}
