import { CheckpointError } from "../problem/checkpointError";

/** Raw deflate up to here is inflated by `inflateSmall`: a stream of the platform costs more than its bytes. */
export const smallDeflateBytes = 4096;

const longestCode = 15;
const lengthBase = [
  3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195,
  227, 258,
];
const lengthBits = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];
const distanceBase = [
  1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097,
  6145, 8193, 12289, 16385, 24577,
];
const orderOfLengths = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/** A canonical Huffman code: how many codes there are of each length, and their symbols in order. */
interface Code {
  readonly counts: Uint16Array;
  readonly symbols: Uint16Array;
}

/**
 * Inflates the first `size` bytes of a short raw deflate stream (RFC 1951) that is in memory, in one call.
 * @throws CheckpointError `DamagedDeflate` when the stream is damaged or ends before that.
 */
export function inflateSmall(packed: Uint8Array, size: number): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(size);
  const input = new Bits(packed);
  let done = 0;
  for (let isLast = false; done < size; ) {
    if (isLast) throw damaged(`ends at byte ${done} of ${size}`);
    isLast = input.take(1) === 1;
    const kind = input.take(2);
    if (kind === 0) {
      const stored = input.takeStored();
      out.set(stored.subarray(0, size - done), done);
      done += Math.min(stored.length, size - done);
    } else if (kind === 3) throw damaged("is damaged");
    else {
      const [literals, distances] = kind === 1 ? fixedCodes() : readCodes(input);
      done = inflateBlock(input, literals, distances, out, done);
    }
  }
  return out;
}

function inflateBlock(input: Bits, literals: Code, distances: Code, out: Uint8Array, start: number): number {
  let done = start;
  while (done < out.length) {
    const symbol = input.symbol(literals);
    if (symbol < 256) out[done++] = symbol;
    else if (symbol === 256) return done;
    else {
      const length = baseOf(lengthBase, symbol - 257) + input.take(lengthBits[symbol - 257] as number);
      const at = input.symbol(distances);
      const distance = baseOf(distanceBase, at) + input.take(Math.max(0, (at >> 1) - 1));
      if (distance > done) throw damaged("is damaged");
      // Byte by byte: what is copied may be what was just written.
      for (const end = Math.min(done + length, out.length); done < end; done++)
        out[done] = out[done - distance] as number;
    }
  }
  return done;
}

function baseOf(table: readonly number[], at: number): number {
  const base = table[at];
  if (base === undefined) throw damaged("is damaged");
  return base;
}

function readCodes(input: Bits): readonly [Code, Code] {
  const literals = input.take(5) + 257;
  const all = literals + input.take(5) + 1;
  const lengthsOfLengths = new Uint8Array(orderOfLengths.length);
  const given = input.take(4) + 4;
  for (const at of orderOfLengths.slice(0, given)) lengthsOfLengths[at] = input.take(3);
  const code = codeOf(lengthsOfLengths);
  const lengths = new Uint8Array(all);
  for (let at = 0; at < all; ) {
    const symbol = input.symbol(code);
    if (symbol < 16) {
      lengths[at++] = symbol;
      continue;
    }
    if (symbol === 16 && at === 0) throw damaged("is damaged");
    const value = symbol === 16 ? (lengths[at - 1] as number) : 0;
    const times = symbol === 16 ? 3 + input.take(2) : symbol === 17 ? 3 + input.take(3) : 11 + input.take(7);
    if (at + times > all) throw damaged("is damaged");
    lengths.fill(value, at, at + times);
    at += times;
  }
  return [codeOf(lengths.subarray(0, literals)), codeOf(lengths.subarray(literals))];
}

function fixedCodes(): readonly [Code, Code] {
  const lengths = new Uint8Array(288).fill(8).fill(9, 144, 256).fill(7, 256, 280);
  return [codeOf(lengths), codeOf(new Uint8Array(30).fill(5))];
}

function codeOf(lengths: Uint8Array): Code {
  const counts = new Uint16Array(longestCode + 1);
  for (const length of lengths) counts[length] = (counts[length] as number) + 1;
  const next = new Uint16Array(longestCode + 2);
  for (let length = 1; length <= longestCode; length++)
    next[length + 1] = (next[length] as number) + (counts[length] as number);
  const symbols = new Uint16Array(lengths.length);
  for (const [symbol, length] of lengths.entries()) {
    if (length === 0) continue;
    symbols[next[length] as number] = symbol;
    next[length] = (next[length] as number) + 1;
  }
  let room = 1;
  for (let length = 1; length <= longestCode; length++) {
    room = room * 2 - (counts[length] as number);
    if (room < 0) throw damaged("is damaged");
  }
  return { counts, symbols };
}

/** The bits of a stream, lowest first. */
class Bits {
  private at = 0;
  private held = 0;
  private count = 0;

  constructor(private readonly bytes: Uint8Array) {}

  take(count: number): number {
    while (this.count < count) {
      const byte = this.bytes[this.at++];
      if (byte === undefined) throw damaged("is cut");
      this.held |= byte << this.count;
      this.count += 8;
    }
    const value = this.held & ((1 << count) - 1);
    this.held >>>= count;
    this.count -= count;
    return value;
  }

  symbol({ counts, symbols }: Code): number {
    let code = 0;
    let first = 0;
    let index = 0;
    for (let length = 1; length <= longestCode; length++) {
      code |= this.take(1);
      const count = counts[length] as number;
      if (code - count < first) return symbols[index + code - first] as number;
      index += count;
      first = (first + count) << 1;
      code <<= 1;
    }
    throw damaged("is damaged");
  }

  takeStored(): Uint8Array {
    // What was held of the last byte is passed over; a whole byte is never held.
    this.held = 0;
    this.count = 0;
    const length = this.take(16);
    if (this.take(16) !== (length ^ 0xffff)) throw damaged("is damaged");
    if (this.at + length > this.bytes.length) throw damaged("is cut");
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }
}

function damaged(fact: string): CheckpointError {
  return new CheckpointError("DamagedDeflate", `The compressed data of a member of the archive ${fact}.`);
}
