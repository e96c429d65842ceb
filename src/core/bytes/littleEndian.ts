/** Reads unsigned 64-bit little-endian at `offset`. @throws RangeError outside the bytes. */
export function readU64(bytes: Uint8Array, offset: number): bigint {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getBigUint64(offset, true);
}
