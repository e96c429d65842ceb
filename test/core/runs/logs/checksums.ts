/** Bit by bit, as the definition says: nothing in common with the tables that are tested. */
function checksum(polynomial: number, bytes: Iterable<number>): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ polynomial : crc >>> 1;
  }
  return ~crc >>> 0;
}

export const plainCrc32 = (bytes: Iterable<number>) => checksum(0xedb88320, bytes);
export const plainCrc32c = (bytes: Iterable<number>) => checksum(0x82f63b78, bytes);

export function u32(value: number): readonly number[] {
  return [value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24];
}

/** TensorFlow's masked checksum, in 64-bit arithmetic. */
export function masked(bytes: Iterable<number>): number {
  const crc = BigInt(plainCrc32c(bytes));
  const rotated = ((crc >> 15n) | (crc << 17n)) & 0xffffffffn;
  return Number((rotated + 0xa282ead8n) & 0xffffffffn);
}
