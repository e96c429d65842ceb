import { CheckpointError } from "../problem/checkpointError";

/** Each bit of a block's first and of the last head, as a number of 48 bits. */
const [blockMark, endMark] = [0x314159265359, 0x177245385090];
const [longestCode, codesOfGroup] = [20, 50];
const [runA, runB] = [0, 1];

/**
 * Unpacks what bzip2 packed (https://en.wikipedia.org/wiki/Bzip2#File_format), several streams behind each other too,
 * up to `maxBytes` of what comes out.
 * @throws CheckpointError `DamagedBzip2` where it is none, is cut, is not as it was packed, or claims more.
 */
export function unpackBzip2(packed: Uint8Array, maxBytes: number): Uint8Array {
  const bits = new BitsFromHigh(packed);
  const out = new Output(maxBytes);
  do {
    if (bits.take(24) !== 0x425a68) throw damaged("a stream does not begin as one");
    const level = bits.take(8) - 0x30;
    if (level < 1 || level > 9) throw damaged("it has an impossible size of blocks");
    for (;;) {
      const mark = bits.take(24) * 2 ** 24 + bits.take(24);
      const checksum = bits.take(16) * 2 ** 16 + bits.take(16);
      if (mark === endMark) break;
      if (mark !== blockMark) throw damaged("no block stands where one should");
      const start = out.length;
      unpackBlock(bits, level * 100_000, out);
      if (checksumOf(out.bytes, start, out.length) !== checksum)
        throw damaged("a block has another checksum than was stored with it");
    }
    bits.toByte();
  } while (bits.left >= 4);
  return out.bytes.subarray(0, out.length);
}

function unpackBlock(bits: BitsFromHigh, blockSize: number, out: Output): void {
  if (bits.take(1) === 1) throw damaged("a block is randomised, as nothing writes it since 1996");
  const origin = bits.take(24);
  const groups = bits.take(16);
  const symbols: number[] = [];
  for (let group = 0; group < 16; group++) {
    if (((groups >> (15 - group)) & 1) === 0) continue;
    const used = bits.take(16);
    for (let at = 0; at < 16; at++) if (((used >> (15 - at)) & 1) === 1) symbols.push(group * 16 + at);
  }
  const tableCount = bits.take(3);
  const selectorCount = bits.take(15);
  if (symbols.length === 0 || tableCount < 2 || tableCount > 6 || selectorCount === 0)
    throw damaged("a block has an impossible head");
  const recent = Uint8Array.from({ length: tableCount }, (_, at) => at);
  const selectors = Array.from({ length: selectorCount }, () => {
    let place = 0;
    while (bits.take(1) === 1) if (++place >= tableCount) throw damaged("a block chooses no code");
    return toFront(recent, place);
  });
  const codes = Array.from({ length: tableCount }, () => readCode(bits, symbols.length + 2));
  const block = new Uint32Array(blockSize);
  const length = readSymbols(bits, symbols, selectors, codes, block);
  if (origin >= length) throw damaged("a block begins behind its end");
  restoreOrder(block, length, origin, out);
}

/** A canonical Huffman code. */
interface Code {
  /** Of each length, what the next bits must be below, as many as the longest code has. */
  readonly limits: Uint32Array;
  /** Of each length, what its codes have more than the places of their symbols. */
  readonly offsets: Int32Array;
  readonly symbols: readonly number[];
}

function readCode(bits: BitsFromHigh, count: number): Code {
  let length = bits.take(5);
  const lengths = Array.from({ length: count }, () => {
    for (;;) {
      if (length < 1 || length > longestCode) throw damaged("a code is longer than any");
      if (bits.take(1) === 0) return length;
      length += bits.take(1) === 0 ? 1 : -1;
    }
  });
  const counts = new Uint16Array(longestCode + 1);
  for (const each of lengths) counts[each] = (counts[each] as number) + 1;
  const limits = new Uint32Array(longestCode + 1);
  const offsets = new Int32Array(longestCode + 1);
  let [code, place] = [0, 0];
  for (let each = 1; each <= longestCode; each++) {
    offsets[each] = code - place;
    code += counts[each] as number;
    place += counts[each] as number;
    if (code > 2 ** each) throw damaged("a code has more symbols than its lengths allow");
    limits[each] = code * 2 ** (longestCode - each);
    code *= 2;
  }
  const symbols = lengths.map((_, symbol) => symbol);
  symbols.sort((a, b) => (lengths[a] as number) - (lengths[b] as number) || a - b);
  return { limits, offsets, symbols };
}

function nextSymbol(bits: BitsFromHigh, { limits, offsets, symbols }: Code): number {
  const next = bits.peek(longestCode);
  let length = 1;
  while (next >= (limits[length] as number))
    if (++length > longestCode) throw damaged("a code stands for nothing");
  bits.take(length);
  return symbols[(next >>> (longestCode - length)) - (offsets[length] as number)] as number;
}

/** Fills the block and gives its length: places in a list that moves to its front what was used, and runs of the first. */
function readSymbols(
  bits: BitsFromHigh,
  symbols: readonly number[],
  selectors: readonly number[],
  codes: readonly Code[],
  block: Uint32Array,
): number {
  const recent = Uint8Array.from(symbols);
  let [length, run, weight] = [0, 0, 1];
  for (let at = 0; ; at++) {
    const code = codes[selectors[Math.floor(at / codesOfGroup)] ?? -1];
    if (code === undefined) throw damaged("a block has more codes than it says");
    const symbol = nextSymbol(bits, code);
    if (symbol === runA || symbol === runB) {
      run += weight * (symbol === runA ? 1 : 2);
      weight *= 2;
      if (run > block.length) throw damaged("a block is longer than it may be");
      continue;
    }
    if (length + run + 1 > block.length && symbol <= symbols.length)
      throw damaged("a block is longer than it may be");
    block.fill(recent[0] as number, length, length + run);
    length += run;
    [run, weight] = [0, 1];
    if (symbol > symbols.length) return length;
    block[length++] = toFront(recent, symbol - 1);
  }
}

function toFront(recent: Uint8Array, place: number): number {
  const found = recent[place];
  if (found === undefined) throw damaged("a block names what is not in its list");
  recent.copyWithin(1, 0, place);
  recent[0] = found;
  return found;
}

/** Undoes the sorting (Burrows and Wheeler), and the runs of four and more of a byte that a count stands behind. */
function restoreOrder(block: Uint32Array, length: number, origin: number, out: Output): void {
  const starts = new Uint32Array(257);
  for (let at = 0; at < length; at++) {
    const next = ((block[at] as number) & 0xff) + 1;
    starts[next] = (starts[next] as number) + 1;
  }
  for (let byte = 1; byte < 257; byte++)
    starts[byte] = (starts[byte] as number) + (starts[byte - 1] as number);
  // Above the byte of each place stands the place of what follows.
  for (let at = 0; at < length; at++) {
    const byte = (block[at] as number) & 0xff;
    const to = starts[byte] as number;
    starts[byte] = to + 1;
    block[to] = ((block[to] as number) | (at << 8)) >>> 0;
  }
  let place = (block[origin] as number) >>> 8;
  let [same, last] = [0, -1];
  for (let left = length; left > 0; left--) {
    const entry = block[place] as number;
    place = entry >>> 8;
    const byte = entry & 0xff;
    if (same === 4) {
      out.put(last, byte);
      [same, last] = [0, -1];
      continue;
    }
    same = byte === last ? same + 1 : 1;
    last = byte;
    out.put(byte, 1);
  }
}

class Output {
  bytes: Uint8Array;
  length = 0;

  constructor(private readonly maxBytes: number) {
    this.bytes = new Uint8Array(Math.min(maxBytes, 65_536));
  }

  put(byte: number, times: number): void {
    const end = this.length + times;
    if (end > this.maxBytes) throw damaged(`it has more than ${this.maxBytes} bytes`);
    if (end > this.bytes.length) {
      const larger = new Uint8Array(Math.min(this.maxBytes, 2 * end));
      larger.set(this.bytes);
      this.bytes = larger;
    }
    this.bytes.fill(byte, this.length, end);
    this.length = end;
  }
}

/** Each byte gives its highest bit first. */
class BitsFromHigh {
  private at = 0;
  private held = 0;
  private heldBits = 0;

  constructor(private readonly bytes: Uint8Array) {}

  /** Whole bytes that nobody looked at yet. */
  get left(): number {
    return this.bytes.length - this.at;
  }

  take(count: number): number {
    while (this.heldBits < count) {
      const byte = this.bytes[this.at++];
      if (byte === undefined) throw damaged("it ends before it is whole");
      this.held = ((this.held << 8) | byte) & 0xffffffff;
      this.heldBits += 8;
    }
    this.heldBits -= count;
    return (this.held >>> this.heldBits) & (2 ** count - 1);
  }

  /** The next bits, with zeros behind the last. */
  peek(count: number): number {
    const bytes = Math.max(0, (count - this.heldBits + 7) >> 3);
    let [next, bits] = [this.held & (2 ** this.heldBits - 1), this.heldBits];
    for (let ahead = 0; ahead < bytes; ahead++, bits += 8)
      next = next * 256 + (this.bytes[this.at + ahead] ?? 0);
    return Math.floor(next / 2 ** (bits - count));
  }

  toByte(): void {
    this.heldBits = 0;
  }
}

/** The polynomial of zip, with the highest bit first. */
const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let rest = byte << 24;
  for (let bit = 0; bit < 8; bit++) rest = rest < 0 ? (rest << 1) ^ 0x04c11db7 : rest << 1;
  return rest;
});

function checksumOf(bytes: Uint8Array, start: number, end: number): number {
  let crc = -1;
  for (let at = start; at < end; at++)
    crc = (crc << 8) ^ (table[((crc >>> 24) ^ (bytes[at] as number)) & 0xff] as number);
  return ~crc >>> 0;
}

function damaged(why: string): CheckpointError {
  return new CheckpointError("DamagedBzip2", `What bzip2 packed cannot be unpacked: ${why}.`);
}
