import { decodeTensor } from "../tensors/decode";
import { decodeBlocks, ggmlBlocks } from "../tensors/ggmlBlocks";
import { type CodeKind, combined } from "../tensors/packed/codeCells";
import type { DifferenceSums } from "./differenceSums";
import { integerDifferences } from "./integerDifference";
import {
  type CodeBits,
  type CodeCounts,
  type ComparedType,
  countedBits,
  type LongType,
  type MixedTypes,
  type Moments,
  type NumberKernels,
  type PairBytes,
  type WidenedType,
  widerTypes,
} from "./numberKernels";

/** Big enough that a read costs little beside its bytes, small enough for the caches of a core. */
export const chunkBytes = 256 * 1024;

/** The kernels in TypeScript: where WebAssembly has no SIMD, and as what the others must agree with. */
export class PlainKernels implements NumberKernels {
  readonly chunk: Uint8Array<ArrayBuffer>;
  private readonly view: DataView;
  private other: Uint8Array<ArrayBuffer> | undefined;
  private readonly tables = new Map<CodeBits, Float64Array>();

  constructor(size = chunkBytes) {
    this.chunk = new Uint8Array(size);
    this.view = new DataView(this.chunk.buffer);
  }

  /** Made when it is first needed: most never compare. */
  get otherChunk(): Uint8Array<ArrayBuffer> {
    this.other ??= new Uint8Array(this.chunk.length);
    return this.other;
  }

  countBytes(length: number): void {
    const { chunk } = this;
    const table = this.table(8);
    for (let at = 0; at < length; at++) {
      const code = chunk[at] as number;
      table[code] = (table[code] as number) + 1;
    }
  }

  countWords(length: number): void {
    const { view } = this;
    const table = this.table(16);
    for (let at = 0; at < length; at += 2) {
      const code = view.getUint16(at, true);
      table[code] = (table[code] as number) + 1;
    }
  }

  measureF32(count: number): Moments {
    const { view } = this;
    const table = this.table(16);
    for (let at = 0; at < count; at++) {
      const code = view.getUint16(4 * at + 2, true);
      table[code] = (table[code] as number) + 1;
    }
    return momentsOf(count, (at) => view.getFloat32(4 * at, true));
  }

  measureF64(count: number): Moments {
    const { view } = this;
    const table = this.table(20);
    for (let at = 0; at < count; at++) {
      const code = view.getUint32(8 * at + 4, true) >>> 12;
      table[code] = (table[code] as number) + 1;
    }
    return momentsOf(count, (at) => view.getFloat64(8 * at, true));
  }

  measureBlocks(dtype: string, blocks: number): Moments {
    const count = blocks * (ggmlBlocks.get(dtype)?.values ?? 0);
    return this.measureValues(decodeBlocks(this.chunk, dtype, count));
  }

  measureRuns(levels: Float32Array, runs: number): Moments {
    return this.measureValues(valuesOfRuns(this, levels, runs));
  }

  private measureValues(values: Float32Array): Moments {
    const upperHalves = new Uint16Array(values.buffer);
    const table = this.table(16);
    for (let at = 1; at < upperHalves.length; at += 2) {
      const code = upperHalves[at] as number;
      table[code] = (table[code] as number) + 1;
    }
    return momentsOf(values.length, (at) => values[at] as number);
  }

  measureCells(kind: CodeKind, cells: number): Moments {
    return this.measureValues(valuesOfCells(this, kind, this.chunk, cells));
  }

  countPairs(blocks: number, apart: boolean, blockBytes: PairBytes = 16): void {
    const { chunk } = this;
    const table = this.table(20);
    for (let block = 0; block < blocks; block++) {
      const from = apart ? blockBytes * block : 17 * block + 1;
      const row = 256 * ((apart ? this.otherChunk[block] : chunk[from - 1]) as number);
      for (let at = from; at < from + blockBytes; at++) {
        const code = row + (chunk[at] as number);
        table[code] = (table[code] as number) + 1;
      }
    }
  }

  expandCodes(kind: CodeKind, cells: number): void {
    const { chunk, otherChunk: other } = this;
    const values = valuesOfCells(this, kind, other.subarray(other.length / 2), cells);
    new Float32Array(chunk.buffer, chunk.byteOffset, values.length).set(values);
  }

  compare(type: ComparedType, count: number): DifferenceSums {
    return this.compareDecoded([type, type], count, countedBits(type));
  }

  compareMixed(types: MixedTypes, count: number): DifferenceSums {
    return this.compareDecoded(types, count, 16);
  }

  private compareDecoded(
    types: readonly [ComparedType, ComparedType],
    count: number,
    codeBits: 16 | 20,
  ): DifferenceSums {
    const [a, b] = [
      decodeTensor(this.chunk, types[0], count),
      decodeTensor(this.otherChunk, types[1], count),
    ];
    return compareValues(a, b, codeBits === 20, this.counter(codeBits));
  }

  compareLongs([typeA, typeB]: readonly [LongType, LongType], count: number): DifferenceSums {
    const [a, b] = [this.chunk.subarray(0, 8 * count), this.otherChunk.subarray(0, 8 * count)];
    const signOf = (type: LongType) => (type === "I64" ? "signed" : "unsigned");
    const differences = integerDifferences(
      { bytes: a, sign: signOf(typeA) },
      { bytes: b, sign: signOf(typeB) },
    );
    const values = [decodeTensor(a, typeA, count), decodeTensor(b, typeB, count)] as const;
    return compareValues(...values, true, this.counter(20), differences);
  }

  widen(type: WidenedType, chunk: "chunk" | "otherChunk", count: number): void {
    const { buffer, byteOffset } = this[chunk];
    const target = widerTypes[type] === "F32" ? Float32Array : Float64Array;
    new target(buffer, byteOffset, count).set(decodeTensor(this[chunk], type, count));
  }

  /** Counts the upper bits of differences. */
  private counter(codeBits: 16 | 20): (difference: number) => void {
    const table = this.table(codeBits);
    const bits = new DataView(new ArrayBuffer(8));
    return (difference) => {
      if (codeBits === 20) bits.setFloat64(0, difference);
      else bits.setFloat32(0, difference);
      const code = codeBits === 20 ? bits.getUint32(0) >>> 12 : bits.getUint16(0);
      table[code] = (table[code] as number) + 1;
    };
  }

  countBytePairs(count: number): void {
    const { chunk, otherChunk } = this;
    const table = this.table(16);
    for (let at = 0; at < count; at++) {
      const code = (chunk[at] as number) + 256 * (otherChunk[at] as number);
      table[code] = (table[code] as number) + 1;
    }
  }

  takeCounts(codeBits: CodeBits): CodeCounts {
    const table = this.table(codeBits);
    const codes: number[] = [];
    for (let code = 0; code < table.length; code++) if (table[code] !== 0) codes.push(code);
    const counts = Float64Array.from(codes, (code) => table[code] as number);
    for (const code of codes) table[code] = 0;
    return { codes: Uint32Array.from(codes), counts };
  }

  private table(codeBits: CodeBits): Float64Array {
    let table = this.tables.get(codeBits);
    if (table === undefined) {
      table = new Float64Array(2 ** codeBits);
      this.tables.set(codeBits, table);
    }
    return table;
  }
}

/** The values of runs as `measureRuns` takes them, in the order of the codes' bytes, low halves first. */
export function valuesOfRuns(
  { chunk, otherChunk }: Pick<NumberKernels, "chunk" | "otherChunk">,
  levels: Float32Array,
  runs: number,
): Float32Array {
  const scales = new Float32Array(otherChunk.buffer, otherChunk.byteOffset, runs);
  const values = new Float32Array(64 * runs);
  for (let at = 0; at < 32 * runs; at++) {
    const [byte, scale] = [chunk[at] as number, scales[at >>> 5] as number];
    values[2 * at] = (levels[byte & 15] as number) * scale;
    values[2 * at + 1] = (levels[byte >>> 4] as number) * scale;
  }
  return values;
}

/** The values of cells whose scales and offsets lie in the other chunk. */
export function valuesOfCells(
  { otherChunk: other }: Pick<NumberKernels, "otherChunk">,
  { bits, combining, levels, cellCodes }: CodeKind,
  codes: Uint8Array,
  cells: number,
): Float32Array {
  const scales = new Float32Array(other.buffer, other.byteOffset, cells);
  const offsets = new Float32Array(other.buffer, other.byteOffset + other.length / 4, cells);
  const values = new Float32Array(cells * cellCodes);
  for (let at = 0; at < values.length; at++) {
    const byte = codes[Math.floor((at * bits) / 8)] as number;
    const code = bits === 8 ? byte : (byte >>> (4 * (at & 1))) & 15;
    const cell = Math.floor(at / cellCodes);
    values[at] = combined(combining, levels[code] as number, scales[cell] as number, offsets[cell] as number);
  }
  return values;
}

/** Twice over the values: the squares are taken about the mean, so that nothing cancels. */
export function momentsOf(total: number, valueAt: (at: number) => number): Moments {
  let [count, sum, zeros, nan, inf] = [0, 0, 0, 0, 0];
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  for (let at = 0; at < total; at++) {
    const value = valueAt(at);
    if (value - value !== 0) {
      if (Number.isNaN(value)) nan++;
      else inf++;
      continue;
    }
    count++;
    sum += value;
    if (value === 0) zeros++;
    if (value < min) min = value;
    if (value > max) max = value;
  }
  const mean = count === 0 ? 0 : sum / count;
  let squares = 0;
  for (let at = 0; at < total; at++) {
    const value = valueAt(at);
    if (value - value !== 0) continue;
    const difference = value - mean;
    squares += difference * difference;
  }
  return { count, mean, squares, min, max, zeros, nan, inf };
}

/**
 * Sums over the pairs of a and b. `count` is told the difference of each pair of finite values.
 * @param differences of the pairs, where they are known better than by the doubles.
 */
export function compareValues(
  a: Float64Array,
  b: Float64Array,
  isDouble: boolean,
  count: (difference: number) => void,
  differences?: Float64Array,
): DifferenceSums {
  let [compared, changed, mismatches] = [0, 0, 0];
  let [absolute, squares, squaresOfA, squaresOfB, product] = [0, 0, 0, 0, 0];
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  for (let at = 0; at < a.length; at++) {
    const left = a[at] as number;
    const right = b[at] as number;
    if (left - left !== 0 || right - right !== 0) {
      if (left === right || (Number.isNaN(left) && Number.isNaN(right))) continue;
      changed++;
      mismatches++;
      continue;
    }
    const exact = differences?.[at] ?? right - left;
    const rounded = isDouble ? exact : Math.fround(exact);
    const difference = Number.isFinite(rounded) ? rounded : exact;
    count(difference);
    compared++;
    if (difference !== 0) changed++;
    if (difference < min) min = difference;
    if (difference > max) max = difference;
    absolute += Math.abs(difference);
    squares += difference * difference;
    squaresOfA += left * left;
    squaresOfB += right * right;
    product += left * right;
  }
  const elements = a.length;
  return {
    elements,
    compared,
    changed,
    mismatches,
    min,
    max,
    absolute,
    squares,
    squaresOfA,
    squaresOfB,
    product,
  };
}
