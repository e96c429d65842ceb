import type { ZstdOutput } from "./zstd";
import {
  BackwardBits,
  damagedZstd,
  type FseTable,
  fseTable,
  type HuffmanTable,
  readFseTable,
  readHuffmanTable,
  repeatedSymbol,
} from "./zstdTables";

const maxBlockBytes = 128 * 1024;

/** Codes of lengths and offsets: the value of each is its base and some bits more (section 3.1.1.3.2.1.1). */
interface CodeTable {
  readonly bases: readonly number[];
  readonly extraBits: readonly number[];
}

const literalLengths = codeTable(
  [...Array.from({ length: 16 }, () => 0), 1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16],
  0,
);
const matchLengths = codeTable(
  [
    ...Array.from({ length: 32 }, () => 0),
    ...[1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16],
  ],
  3,
);

/** Each base follows from the one before: codes are dense. */
function codeTable(extraBits: readonly number[], first: number): CodeTable {
  const bases: number[] = [];
  let base = first;
  for (const bits of extraBits) {
    bases.push(base);
    base += 2 ** bits;
  }
  return { bases, extraBits };
}

/** Section 3.1.1.3.2.2. */
const defaults = {
  literal: fseTable(
    [
      4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1, -1, -1,
      -1, -1,
    ],
    6,
  ),
  offset: fseTable(
    [1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1],
    5,
  ),
  match: fseTable(
    [
      1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
      1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1,
    ],
    6,
  ),
};

const limits = {
  literal: { maxAccuracy: 9, maxSymbol: 35 },
  offset: { maxAccuracy: 8, maxSymbol: 31 },
  match: { maxAccuracy: 9, maxSymbol: 52 },
};

type Kind = keyof typeof defaults;

/** The blocks of one frame: tables and offsets carry over from one to the next. */
export class ZstdBlocks {
  private huffman: HuffmanTable | undefined;
  private readonly tables: Partial<Record<Kind, FseTable>> = {};
  private readonly recent: [number, number, number] = [1, 4, 8];

  constructor(
    private readonly bytes: Uint8Array,
    private readonly output: ZstdOutput,
  ) {}

  /** @returns the byte behind the block. */
  read(type: number, start: number, size: number): number {
    const { bytes, output } = this;
    if (size > maxBlockBytes) throw damagedZstd("a block is too long");
    const end = start + (type === 1 ? 1 : size);
    if (end > bytes.length) throw damagedZstd("a block is cut");
    if (type === 0) {
      output.reserve(size).set(bytes.subarray(start, end), output.length);
      output.length += size;
    } else if (type === 1) {
      output.reserve(size).fill(bytes[start] as number, output.length, output.length + size);
      output.length += size;
    } else if (type === 2) this.readCompressed(start, end);
    else throw damagedZstd("a block is of no known type");
    return end;
  }

  private readCompressed(start: number, end: number): void {
    const { literals, next } = this.readLiterals(start, end);
    let at = next;
    const first = this.bytes[at++] ?? 0;
    let count = first;
    if (first >= 255) {
      count = (this.bytes[at] ?? 0) + ((this.bytes[at + 1] ?? 0) << 8) + 0x7f00;
      at += 2;
    } else if (first >= 128) count = ((first - 128) << 8) + (this.bytes[at++] ?? 0);
    if (count === 0) {
      this.copyLiterals(literals, 0, literals.length);
      return;
    }
    const modes = this.bytes[at++] ?? 0;
    for (const [kind, shift] of [
      ["literal", 6],
      ["offset", 4],
      ["match", 2],
    ] as const) {
      at = this.readTable(kind, (modes >> shift) & 3, at, end);
    }
    if (at >= end) throw damagedZstd("a block has no sequences");
    this.runSequences(literals, count, new BackwardBits(this.bytes, at, end));
  }

  private readTable(kind: Kind, mode: number, at: number, end: number): number {
    if (mode === 0) this.tables[kind] = defaults[kind];
    else if (mode === 1) {
      const symbol = this.bytes[at] ?? 0;
      if (symbol > limits[kind].maxSymbol) throw damagedZstd("a code is of no known length");
      this.tables[kind] = repeatedSymbol(symbol);
      return at + 1;
    } else if (mode === 2) {
      const read = readFseTable(this.bytes, at, end, limits[kind]);
      this.tables[kind] = read.table;
      return read.end;
    } else if (this.tables[kind] === undefined) throw damagedZstd("a table is used before it is given");
    return at;
  }

  private runSequences(literals: Uint8Array, count: number, bits: BackwardBits): void {
    const { literal, offset, match } = this.tables as Record<Kind, FseTable>;
    let literalState = bits.read(literal.accuracy);
    let offsetState = bits.read(offset.accuracy);
    let matchState = bits.read(match.accuracy);
    let taken = 0;
    for (let at = 0; at < count; at++) {
      const offsetCode = offset.symbols[offsetState] as number;
      const matchCode = match.symbols[matchState] as number;
      const literalCode = literal.symbols[literalState] as number;
      const offsetValue = 2 ** offsetCode + bits.read(offsetCode);
      const matchLength =
        (matchLengths.bases[matchCode] as number) + bits.read(matchLengths.extraBits[matchCode] as number);
      const literalLength =
        (literalLengths.bases[literalCode] as number) +
        bits.read(literalLengths.extraBits[literalCode] as number);
      if (taken + literalLength > literals.length) throw damagedZstd("a sequence takes too many literals");
      this.copyLiterals(literals, taken, literalLength);
      taken += literalLength;
      this.copyMatch(this.resolveOffset(offsetValue, literalLength), matchLength);
      if (bits.remaining < 0) throw damagedZstd("the sequences end early");
      if (at === count - 1) break;
      literalState = step(literal, literalState, bits);
      matchState = step(match, matchState, bits);
      offsetState = step(offset, offsetState, bits);
    }
    this.copyLiterals(literals, taken, literals.length - taken);
  }

  /** Section 3.1.1.5: small values are one of the last three offsets. */
  private resolveOffset(value: number, literalLength: number): number {
    const { recent } = this;
    if (value > 3) {
      recent.unshift(value - 3);
      recent.length = 3;
      return value - 3;
    }
    const index = value - 1 + (literalLength === 0 ? 1 : 0);
    const offset = index === 3 ? recent[0] - 1 : (recent[index] as number);
    if (index > 0) {
      if (index > 1) recent[2] = recent[1];
      recent[1] = recent[0];
      recent[0] = offset;
    }
    return offset;
  }

  private copyLiterals(literals: Uint8Array, from: number, count: number): void {
    const { output } = this;
    output.reserve(count).set(literals.subarray(from, from + count), output.length);
    output.length += count;
  }

  private copyMatch(offset: number, length: number): void {
    const { output } = this;
    if (offset < 1 || offset > output.length - output.frameStart) {
      throw damagedZstd("a copy refers to what was never there");
    }
    const target = output.reserve(length);
    const to = output.length;
    if (offset >= length) target.copyWithin(to, to - offset, to - offset + length);
    // It repeats what it has just written.
    else for (let at = 0; at < length; at++) target[to + at] = target[to + at - offset] as number;
    output.length += length;
  }

  /** Section 3.1.1.3.1. */
  private readLiterals(start: number, end: number): { literals: Uint8Array; next: number } {
    const { bytes } = this;
    const first = bytes[start] ?? 0;
    const type = first & 3;
    const format = (first >> 2) & 3;
    const header = (count: number) => {
      let value = 0;
      for (let at = count - 1; at >= 0; at--) value = value * 256 + (bytes[start + at] ?? 0);
      return value;
    };
    if (type < 2) {
      const headerBytes = [1, 2, 1, 3][format] as number;
      const size = Math.floor(header(headerBytes) / (format === 1 || format === 3 ? 16 : 8));
      const at = start + headerBytes;
      if (size > maxBlockBytes) throw damagedZstd("a block has too many literals");
      if (type === 1) {
        return { literals: new Uint8Array(size).fill(bytes[at] ?? 0), next: at + 1 };
      }
      if (at + size > end) throw damagedZstd("the literals are cut");
      return { literals: bytes.subarray(at, at + size), next: at + size };
    }
    const headerBytes = [3, 3, 4, 5][format] as number;
    const sizeBits = [10, 10, 14, 18][format] as number;
    const value = Math.floor(header(headerBytes) / 16);
    const size = value % 2 ** sizeBits;
    const compressed = Math.floor(value / 2 ** sizeBits);
    const next = start + headerBytes + compressed;
    if (size > maxBlockBytes || next > end) throw damagedZstd("the literals are cut");
    let at = start + headerBytes;
    if (type === 2) {
      const read = readHuffmanTable(bytes, at, next);
      this.huffman = read.table;
      at = read.end;
    }
    if (this.huffman === undefined) throw damagedZstd("a table is used before it is given");
    return { literals: this.huffmanLiterals(this.huffman, at, next, size, format === 0 ? 1 : 4), next };
  }

  private huffmanLiterals(
    table: HuffmanTable,
    start: number,
    end: number,
    size: number,
    streams: 1 | 4,
  ): Uint8Array {
    const { bytes } = this;
    const literals = new Uint8Array(size);
    if (streams === 1) {
      decodeStream(table, new BackwardBits(bytes, start, end), literals);
      return literals;
    }
    const part = Math.ceil(size / 4);
    let at = start + 6;
    for (let stream = 0; stream < 4; stream++) {
      const length = (bytes[start + 2 * stream] ?? 0) + ((bytes[start + 2 * stream + 1] ?? 0) << 8);
      const streamEnd = stream === 3 ? end : at + length;
      if (streamEnd > end || at >= streamEnd) throw damagedZstd("the literals are cut");
      const target = literals.subarray(Math.min(size, stream * part), Math.min(size, (stream + 1) * part));
      decodeStream(table, new BackwardBits(bytes, at, streamEnd), target);
      at = streamEnd;
    }
    return literals;
  }
}

function step(table: FseTable, state: number, bits: BackwardBits): number {
  return (table.bases[state] as number) + bits.read(table.bits[state] as number);
}

function decodeStream(table: HuffmanTable, bits: BackwardBits, target: Uint8Array): void {
  const { maxBits, symbols, widths } = table;
  const mask = (1 << maxBits) - 1;
  let state = bits.read(maxBits);
  let read = maxBits;
  for (let at = 0; at < target.length; at++) {
    target[at] = symbols[state] as number;
    const width = widths[state] as number;
    state = ((state << width) & mask) | bits.read(width);
    read += width;
  }
  // All bits were consumed but those that the first lookup took in advance.
  if (bits.remaining !== -maxBits || read < maxBits)
    throw damagedZstd("the literals do not end where they should");
}
