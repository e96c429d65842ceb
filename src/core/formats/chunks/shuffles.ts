/** All first bytes of the values stand before all second ones; what is left over stands at the end. */
export function unshuffle(bytes: Uint8Array, width: number): Uint8Array {
  const count = Math.floor(bytes.length / Math.max(1, width));
  if (width <= 1 || count <= 1) return bytes;
  const result = new Uint8Array(bytes.length);
  for (let byte = 0; byte < width; byte++) {
    const start = byte * count;
    for (let at = 0; at < count; at++) result[at * width + byte] = bytes[start + at] as number;
  }
  result.set(bytes.subarray(count * width), count * width);
  return result;
}

/**
 * All lowest bits of the first bytes of the values stand before all second ones, eight values to a byte with the first
 * one lowest. The number of values is a multiple of eight.
 */
export function bitUnshuffle(bytes: Uint8Array, width: number): Uint8Array {
  const result = new Uint8Array(bytes.length);
  const rowBytes = bytes.length / width / 8;
  for (let row = 0; row < 8 * width; row++) {
    const [byte, bit] = [row >> 3, row & 7];
    for (let at = 0; at < rowBytes; at++) {
      const bits = bytes[row * rowBytes + at] as number;
      if (bits === 0) continue;
      for (let value = 0; value < 8; value++)
        if (((bits >> value) & 1) === 1) {
          const to = (at * 8 + value) * width + byte;
          result[to] = (result[to] as number) | (1 << bit);
        }
    }
  }
  return result;
}
