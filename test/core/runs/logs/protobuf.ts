/**
 * Writes protocol buffers by hand (protobuf.dev, "Encoding"), so that tests do not read what they have
 * written.
 */

export type Bytes = readonly number[];

export function varint(value: number | bigint): Bytes {
  let rest = BigInt.asUintN(64, BigInt(value));
  const bytes: number[] = [];
  do {
    const low = Number(rest & 0x7fn);
    rest >>= 7n;
    bytes.push(rest > 0n ? low | 0x80 : low);
  } while (rest > 0n);
  return bytes;
}

const tag = (field: number, wireType: number) => varint((field << 3) | wireType);

export function int(field: number, value: number | bigint): Bytes {
  return [...tag(field, 0), ...varint(value)];
}

export function double(field: number, value: number): Bytes {
  return [...tag(field, 1), ...new Uint8Array(Float64Array.of(value).buffer)];
}

export function float(field: number, value: number): Bytes {
  return [...tag(field, 5), ...new Uint8Array(Float32Array.of(value).buffer)];
}

export function bytes(field: number, content: Iterable<number>): Bytes {
  const list = [...content];
  return [...tag(field, 2), ...varint(list.length), ...list];
}

export function text(field: number, content: string): Bytes {
  return bytes(field, new TextEncoder().encode(content));
}

export function message(field: number, ...members: readonly Bytes[]): Bytes {
  return bytes(field, members.flat());
}
