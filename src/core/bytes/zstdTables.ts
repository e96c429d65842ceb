import { CheckpointError } from "../problem/checkpointError";

/** Parts of the Zstandard format (RFC 8878): reading bits, and the two kinds of tables that codes are looked up in. */

export function damagedZstd(what: string): CheckpointError {
  return new CheckpointError("DamagedZstd", `The compressed data is damaged: ${what}.`);
}

/** Reads bits from the end of a stream to its start, as the sequences and literals of a block are written. */
export class BackwardBits {
  /** Bits that are left. */
  private left: number;

  constructor(
    private readonly bytes: Uint8Array,
    private readonly start: number,
    end: number,
  ) {
    const last = end > start ? (bytes[end - 1] as number) : 0;
    if (last === 0) throw damagedZstd("a stream of bits has no end mark");
    this.left = (end - start) * 8 - (Math.clz32(last) - 24) - 1;
  }

  get remaining(): number {
    return this.left;
  }

  /** Bits before the start are zeros: only the last lookups of a stream may reach there. */
  read(count: number): number {
    let value = 0;
    this.left -= count;
    const { bytes, start, left } = this;
    if (count === 0) return 0;
    const at = start + (left >> 3);
    if (left >= 0 && count <= 24 && at + 4 <= bytes.length) {
      const word =
        (bytes[at] as number) |
        ((bytes[at + 1] as number) << 8) |
        ((bytes[at + 2] as number) << 16) |
        ((bytes[at + 3] as number) << 24);
      return (word >>> (left & 7)) & ((1 << count) - 1);
    }
    let bit = left;
    for (let got = 0; got < count; ) {
      if (bit < 0) {
        const skipped = Math.min(count - got, -bit);
        got += skipped;
        bit += skipped;
        continue;
      }
      const offset = bit & 7;
      const take = Math.min(8 - offset, count - got);
      const part = ((bytes[start + (bit >> 3)] as number) >> offset) & ((1 << take) - 1);
      value += part * 2 ** got;
      got += take;
      bit += take;
    }
    return value;
  }
}

/** A table of finite state entropy: for each state its symbol, and how the next state is found. */
export interface FseTable {
  readonly accuracy: number;
  readonly symbols: Uint8Array;
  readonly bits: Uint8Array;
  readonly bases: Uint16Array;
}

/** Section 4.1.1: symbols are spread over the states by their probabilities. */
export function fseTable(probabilities: readonly number[], accuracy: number): FseTable {
  const size = 1 << accuracy;
  const symbols = new Uint8Array(size);
  const bits = new Uint8Array(size);
  const bases = new Uint16Array(size);
  const next = new Uint16Array(probabilities.length);
  let high = size;
  for (const [symbol, probability] of probabilities.entries()) {
    next[symbol] = probability === -1 ? 1 : probability;
    if (probability === -1) symbols[--high] = symbol;
  }
  const step = (size >> 1) + (size >> 3) + 3;
  let position = 0;
  for (const [symbol, probability] of probabilities.entries()) {
    for (let count = 0; count < probability; count++) {
      symbols[position] = symbol;
      do position = (position + step) & (size - 1);
      while (position >= high);
    }
  }
  if (position !== 0) throw damagedZstd("the probabilities of a table do not fill it");
  for (let state = 0; state < size; state++) {
    const symbol = symbols[state] as number;
    const order = next[symbol] as number;
    next[symbol] = order + 1;
    const width = accuracy - (31 - Math.clz32(order));
    bits[state] = width;
    bases[state] = (order << width) - size;
  }
  return { accuracy, symbols, bits, bases };
}

/** A table of one symbol, which takes no bits. */
export function repeatedSymbol(symbol: number): FseTable {
  return {
    accuracy: 0,
    symbols: Uint8Array.of(symbol),
    bits: Uint8Array.of(0),
    bases: Uint16Array.of(0),
  };
}

/** Reads the description of a table (section 4.1.1); `end` is the byte behind it. */
export function readFseTable(
  bytes: Uint8Array,
  start: number,
  limit: number,
  { maxAccuracy, maxSymbol }: { readonly maxAccuracy: number; readonly maxSymbol: number },
): { readonly table: FseTable; readonly end: number } {
  let bit = 0;
  const peek = (count: number) => {
    let value = 0;
    for (let got = 0; got < count; got++) {
      const at = start + ((bit + got) >> 3);
      if (at < limit) value |= (((bytes[at] as number) >> ((bit + got) & 7)) & 1) << got;
    }
    return value;
  };
  const accuracy = peek(4) + 5;
  bit += 4;
  if (accuracy > maxAccuracy) throw damagedZstd("a table is too large");
  let left = (1 << accuracy) + 1;
  const probabilities: number[] = [];
  while (left > 1 && probabilities.length <= maxSymbol) {
    const width = 32 - Math.clz32(left);
    // Small values are written with one bit less.
    const short = (1 << width) - 1 - left;
    const value = peek(width);
    const low = value & ((1 << (width - 1)) - 1);
    let read: number;
    if (low < short) {
      bit += width - 1;
      read = low;
    } else {
      bit += width;
      read = value >= 1 << (width - 1) ? value - short : value;
    }
    const probability = read - 1;
    left -= Math.abs(probability);
    probabilities.push(probability);
    if (probability === 0) {
      let repeat = 3;
      while (repeat === 3) {
        repeat = peek(2);
        bit += 2;
        for (let count = 0; count < repeat; count++) probabilities.push(0);
      }
    }
  }
  const end = start + Math.ceil(bit / 8);
  if (left !== 1 || probabilities.length > maxSymbol + 1 || end > limit) {
    throw damagedZstd("the probabilities of a table do not add up");
  }
  return { table: fseTable(probabilities, accuracy), end };
}

/** A Huffman table: for each `maxBits` bits the symbol, and how many of them are its code. */
export interface HuffmanTable {
  readonly maxBits: number;
  readonly symbols: Uint8Array;
  readonly widths: Uint8Array;
}

const maxHuffmanBits = 11;

/** Reads the description of a Huffman table (section 4.2.1). */
export function readHuffmanTable(
  bytes: Uint8Array,
  start: number,
  limit: number,
): { readonly table: HuffmanTable; readonly end: number } {
  const header = bytes[start] ?? 0;
  const weights: number[] = [];
  let end: number;
  if (header >= 128) {
    const count = header - 127;
    end = start + 1 + Math.ceil(count / 2);
    for (let at = 0; at < count; at++) {
      const pair = bytes[start + 1 + (at >> 1)] ?? 0;
      weights.push(at % 2 === 0 ? pair >> 4 : pair & 15);
    }
  } else {
    end = start + 1 + header;
    if (end > limit) throw damagedZstd("a Huffman table is cut");
    weights.push(...compressedWeights(bytes, start + 1, end));
  }
  if (end > limit) throw damagedZstd("a Huffman table is cut");
  return { table: huffmanTable(weights), end };
}

/** Two interleaved states over one table. */
function compressedWeights(bytes: Uint8Array, start: number, end: number): number[] {
  const { table, end: bitsStart } = readFseTable(bytes, start, end, { maxAccuracy: 6, maxSymbol: 12 });
  const bits = new BackwardBits(bytes, bitsStart, end);
  const states = [bits.read(table.accuracy), bits.read(table.accuracy)];
  const weights: number[] = [];
  for (let turn = 0; weights.length < 255; turn ^= 1) {
    const state = states[turn] as number;
    weights.push(table.symbols[state] as number);
    const width = table.bits[state] as number;
    if (bits.remaining < width) {
      weights.push(table.symbols[states[turn ^ 1] as number] as number);
      break;
    }
    states[turn] = (table.bases[state] as number) + bits.read(width);
  }
  return weights;
}

function huffmanTable(weights: number[]): HuffmanTable {
  const sum = weights.reduce((total, weight) => total + (weight > 0 ? 2 ** (weight - 1) : 0), 0);
  if (sum === 0 || weights.length > 255) throw damagedZstd("a Huffman table is empty");
  const maxBits = 32 - Math.clz32(sum);
  const rest = 2 ** maxBits - sum;
  if (maxBits > maxHuffmanBits || (rest & (rest - 1)) !== 0) throw damagedZstd("a Huffman table is wrong");
  const all = [...weights, 32 - Math.clz32(rest)];
  const symbols = new Uint8Array(1 << maxBits);
  const widths = new Uint8Array(1 << maxBits);
  let at = 0;
  for (let weight = 1; weight <= maxBits; weight++) {
    for (const [symbol, own] of all.entries()) {
      if (own !== weight) continue;
      const count = 1 << (weight - 1);
      symbols.fill(symbol, at, at + count);
      widths.fill(maxBits + 1 - weight, at, at + count);
      at += count;
    }
  }
  if (at !== 1 << maxBits) throw damagedZstd("a Huffman table is wrong");
  return { maxBits, symbols, widths };
}
