/** What a code of fewer bits than are measured at once becomes: 4 bits of up to 4, else a byte. */
export function spreadBits(bits: number): 4 | 8 {
  return bits <= 4 ? 4 : 8;
}

/**
 * Codes of any bits in a stream, the first in the low bits, as codes of 4 bits or of a byte.
 * @param count of codes, a multiple of 8.
 */
export function spreadCodes(stored: Uint8Array, bits: number, count: number, to: Uint8Array): void {
  if (bits === spreadBits(bits)) {
    to.set(stored);
    return;
  }
  const target = new DataView(to.buffer, to.byteOffset, to.byteLength);
  if (bits === 3 || bits === 6) {
    for (let from = 0, at = 0; at < (count * spreadBits(bits)) / 8; from += 3, at += 4) {
      const three =
        (stored[from] as number) | ((stored[from + 1] as number) << 8) | ((stored[from + 2] as number) << 16);
      const halves = (three & 0xfff) | ((three & 0xfff000) << 4);
      const bytes = (halves & 0x003f003f) | ((halves & 0x0fc00fc0) << 2);
      target.setInt32(at, bits === 6 ? bytes : (bytes & 0x07070707) | ((bytes & 0x38383838) << 1), true);
    }
  } else if (bits === 2) {
    for (let from = 0, at = 0; from < count / 4; from += 2, at += 4) {
      const two = (stored[from] as number) | ((stored[from + 1] as number) << 8);
      const halves = (two & 0xff) | ((two & 0xff00) << 8);
      const bytes = (halves & 0x000f000f) | ((halves & 0x00f000f0) << 4);
      target.setInt32(at, (bytes & 0x03030303) | ((bytes & 0x0c0c0c0c) << 2), true);
    }
  } else {
    const codes = codesInStream(stored, bits, count);
    if (spreadBits(bits) === 8) to.set(codes);
    else
      for (let at = 0; at < count; at += 2)
        to[at >>> 1] = (codes[at] as number) | ((codes[at + 1] as number) << 4);
  }
}

/** Codes of any bits in a stream of bytes, the first in the low bits, a byte each. */
export function codesInStream(bytes: Uint8Array, bits: number, count: number): Uint8Array {
  const codes = new Uint8Array(count);
  const mask = (1 << bits) - 1;
  for (let index = 0, at = 0, held = 0, word = 0; index < count; index++) {
    if (held < bits) {
      word |= (bytes[at++] as number) << held;
      held += 8;
    }
    codes[index] = word & mask;
    word >>>= bits;
    held -= bits;
  }
  return codes;
}

/** Levels of fewer codes than a table of 4 bits or a byte has. */
export function paddedLevels(levels: ArrayLike<number>, bits: number): Float32Array {
  const padded = new Float32Array(2 ** spreadBits(bits));
  padded.set(levels);
  return padded;
}
