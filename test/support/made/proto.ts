/** A varint as protobuf writes it (encoding, "base 128 varints"). */
export function varint(value: number | bigint): number[] {
  const bytes: number[] = [];
  let left = BigInt.asUintN(64, BigInt(value));
  do {
    bytes.push(Number(left & 0x7fn) | (left > 0x7fn ? 0x80 : 0));
    left >>= 7n;
  } while (left > 0n);
  return bytes;
}

/** A field whose value is a number. */
export function protoNumber(field: number, value: number | bigint): number[] {
  return [...varint(field * 8), ...varint(value)];
}

/** A field whose value is counted bytes: a text, a message. */
export function protoBytes(field: number, bytes: readonly number[]): number[] {
  return [...varint(field * 8 + 2), ...varint(bytes.length), ...bytes];
}
