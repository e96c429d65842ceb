import { type DifferenceSums, noDifferenceSums } from "../core/analysis/differenceSums";
import {
  type CellBands,
  type CodeBits,
  type CodeCounts,
  type ComparedType,
  countedBits,
  type LongType,
  type MixedTypes,
  type Moments,
  mergeCounts,
  type NumberKernels,
  noMoments,
  type PairBytes,
  type WidenedType,
} from "../core/analysis/numberKernels";
import { compareValues, momentsOf, valuesOfCells, valuesOfRuns } from "../core/analysis/plainKernels";
import { decodeTensor } from "../core/tensors/decode";
import { decodeBlocks, ggmlBlocks } from "../core/tensors/ggmlBlocks";
import { type CodeKind, combinings } from "../core/tensors/packed/codeCells";
import { blockLoops } from "./blockLoops";
import { compareLoops, finiteLoops, mixedLoops, widenLoops } from "./compareLoops";
import { areCountable, areOrdinary, areSmall, measureBlocksInParts, measureInParts } from "./countedCells";
import { layout } from "./memoryLayout";
import type { Exports } from "./wasmExports";

const tables: Record<CodeBits, number> = { 8: layout.bytes, 16: layout.words, 20: layout.doubles };

/** Counters have 32 bits. */
const maxCounted = 2 ** 32 - 1;

/**
 * Where the spread of values is this small beside their mean, the sum of their squares has lost too many digits for
 * it: the squares are then taken about the mean.
 */
const leastSpread = 1e-4;
/** The same where values were not rounded to F32 before they were added up. */
const leastCodeSpread = 0.05;

/** The kernels in WebAssembly, with SIMD. */
export class WasmKernels implements NumberKernels {
  readonly chunk: Uint8Array<ArrayBuffer>;
  readonly otherChunk: Uint8Array<ArrayBuffer>;
  private readonly view: DataView;
  private readonly results: Float64Array;
  private readonly counters: Uint32Array;
  /** Since counts were last taken out of the table. */
  private readonly counted: Record<CodeBits, number> = { 8: 0, 16: 0, 20: 0 };
  private readonly taken = new Map<CodeBits, CodeCounts>();
  /** Codes of 4 bits are counted that are not yet in the table. */
  private haveRuns = false;
  /** Differences of halves are counted in a second table too. */
  private haveHalves = false;
  /** Differences of 16-bit integers are counted in a table of their own. */
  private haveShorts = false;

  private constructor(private readonly wasm: Exports) {
    const { buffer } = wasm.memory;
    this.chunk = new Uint8Array(buffer, layout.chunk, layout.chunkBytes);
    this.otherChunk = new Uint8Array(buffer, layout.otherChunk, layout.chunkBytes);
    this.view = new DataView(buffer, layout.chunk, layout.chunkBytes);
    this.results = new Float64Array(buffer, layout.results, 10);
    this.counters = new Uint32Array(buffer);
  }

  /** Undefined where WebAssembly has no SIMD. */
  static create(bytes: Uint8Array): WasmKernels | undefined {
    if (!WebAssembly.validate(bytes)) return undefined;
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes));
    return new WasmKernels(exports as unknown as Exports);
  }

  countBytes(length: number): void {
    this.reserve(8, length);
    this.wasm.countBytes(length);
  }

  countWords(length: number): void {
    this.reserve(16, length / 2);
    this.wasm.countWords(length);
  }

  measureF32(count: number): Moments {
    this.reserve(16, count);
    const { wasm, view, results } = this;
    // Codes of zeros, and of numbers so small that only their lower bits are set.
    const before = this.smallest();
    wasm.measureF32(count);
    const valueAt = (at: number) => view.getFloat32(4 * at, true);
    if (Number.isFinite(results[1])) {
      const zeros = this.smallest() === before ? 0 : wasm.countZerosF32(count);
      return this.moments(count, { count, zeros, nan: 0, inf: 0 }, valueAt);
    }
    wasm.measureFiniteF32(count);
    return this.finiteMoments(count, valueAt);
  }

  measureF64(count: number): Moments {
    this.reserve(20, count);
    const { wasm, view, results } = this;
    wasm.measureF64(count);
    const valueAt = (at: number) => view.getFloat64(8 * at, true);
    if (Number.isFinite(results[1]))
      return this.moments(count, { count, zeros: results[4] as number, nan: 0, inf: 0 }, valueAt);
    wasm.measureFiniteF64(count);
    return this.finiteMoments(count, valueAt);
  }

  measureBlocks(dtype: string, blocks: number): Moments {
    const { wasm } = this;
    const { bytes = 0, values = 0 } = ggmlBlocks.get(dtype) ?? {};
    const count = blocks * values;
    const loop = blockLoops.get(dtype);
    // What is not finite is told apart the slow way.
    const isFast = loop?.halvesAt.every((at) => wasm.areHalvesFinite(blocks, bytes, at) !== 0);
    const valuesOf = () => decodeBlocks(this.chunk, dtype, count);
    if (loop === undefined || isFast !== true) return measureBlocksInParts(this, dtype, blocks);
    if (loop.levels === undefined)
      return this.measureCodes(count, () => wasm[loop.measure](blocks), valuesOf);
    return this.measureLevels(loop.levels, count, () => wasm[loop.measure](blocks), valuesOf);
  }

  measureRuns(levels: Float32Array, runs: number): Moments {
    const { buffer } = this.wasm.memory;
    const valuesOf = () => valuesOfRuns(this, levels, runs);
    const scales = new Float32Array(buffer, layout.otherChunk, runs);
    if (!areOrdinary(levels) || !areOrdinary(scales)) return measureInParts(this, valuesOf());
    return this.measureLevels(levels, 64 * runs, () => this.wasm.measureRuns64(runs), valuesOf);
  }

  /** Like measureCodes, but zeros need not be told by what was counted. */
  private measureLevels(
    levels: Float32Array,
    count: number,
    measure: () => void,
    valuesOf: () => Float32Array,
  ): Moments {
    this.reserve(16, count);
    const { buffer } = this.wasm.memory;
    const target = new Float32Array(buffer, layout.levels, 16);
    if (levels.some((level, code) => level !== target[code])) {
      // What was counted until now is of other levels.
      this.wasm.emptySlots();
      target.set(levels);
      this.wasm.setLevels();
    }
    this.haveRuns = true;
    measure();
    const zeros = this.results[4] as number;
    return this.momentsOfCodes(count, { count, zeros, nan: 0, inf: 0 }, valuesOf, leastCodeSpread);
  }

  /** @param valuesOf makes values that are finite, and zero or not so small that their upper bits are those of zero. */
  private measureCodes(count: number, measure: () => void, valuesOf: () => Float32Array): Moments {
    this.reserve(16, count);
    const before = this.smallest();
    measure();
    const zeros = this.smallest() - before;
    return this.momentsOfCodes(count, { count, zeros, nan: 0, inf: 0 }, valuesOf, leastCodeSpread);
  }

  private momentsOfCodes(
    values: number,
    counts: Pick<Moments, "count" | "zeros" | "nan" | "inf">,
    valuesOf: () => Float32Array,
    least?: number,
  ): Moments {
    let made: Float32Array | undefined;
    const valueAt = (at: number) => {
      made ??= valuesOf();
      return made[at] as number;
    };
    return this.moments(values, counts, valueAt, least);
  }

  countPairs(blocks: number, apart: boolean, blockBytes: PairBytes = 16): void {
    this.reserve(20, blockBytes * blocks);
    this.wasm.countPairs(blocks, apart ? 1 : 0, blockBytes);
  }

  measureCells(kind: CodeKind, cells: number, bands: CellBands = { rows: 1, perRow: 1 }): Moments {
    const { wasm, otherChunk: other, results } = this;
    const { bits, cellCodes } = kind;
    const count = cells * cellCodes;
    const numbers = [0, other.length / 4].map(
      (from) => new Float32Array(other.buffer, other.byteOffset + from, cells),
    );
    const valuesOf = () => valuesOfCells(this, kind, this.chunk, cells);
    const combining = combinings.indexOf(kind.combining);
    if (bits === 8) {
      this.reserve(16, count);
      new Float32Array(wasm.memory.buffer, layout.codeLevels, 256).set(kind.levels);
      wasm.measureByteCells(
        cells / (bands.rows * bands.perRow),
        bands.rows,
        bands.perRow,
        cellCodes,
        combining,
      );
      const [zeros, nan, finite] = results.subarray(4) as unknown as [number, number, number];
      return this.momentsOfCodes(count, { count: finite, zeros, nan, inf: count - finite - nan }, valuesOf);
    }
    if (!areCountable(kind) || ![kind.levels, ...numbers].every(areSmall))
      return measureInParts(this, valuesOf());
    this.reserve(16, count);
    new Float32Array(wasm.memory.buffer, layout.codeLevels, 16).set(kind.levels);
    wasm.measureCells(cells, cellCodes, combining);
    return this.momentsOfCodes(count, { count, zeros: results[4] as number, nan: 0, inf: 0 }, valuesOf);
  }

  expandCodes({ bits, combining, levels, cellCodes }: CodeKind, cells: number): void {
    const { wasm } = this;
    new Float32Array(wasm.memory.buffer, layout.codeLevels, levels.length).set(levels);
    wasm.expandCodes(cells, cellCodes, bits, combinings.indexOf(combining));
  }

  compare(type: ComparedType, count: number): DifferenceSums {
    if (count === 0) return noDifferenceSums;
    const codeBits = countedBits(type);
    this.reserve(codeBits, count);
    const { wasm, results } = this;
    wasm[compareLoops[type]](count);
    if (type === "BF16" || type === "F16") this.haveHalves = true;
    if (type === "I16" || type === "U16") this.haveShorts = true;
    const areFinite = () => results.subarray(0, 5).every(Number.isFinite);
    // What is not finite is told apart in another loop; the differences that are were counted.
    const isPlain = areFinite();
    if (!isPlain && type in finiteLoops) wasm[finiteLoops[type as keyof typeof finiteLoops]](count);
    if (!areFinite()) return compareValues(...this.decode(type, count), codeBits === 20, () => undefined);
    return this.differences(count, isPlain);
  }

  compareMixed(types: MixedTypes, count: number): DifferenceSums {
    if (count === 0) return noDifferenceSums;
    this.reserve(16, count);
    const { wasm, results } = this;
    wasm[mixedLoops[types.join() as keyof typeof mixedLoops]](count);
    this.haveHalves = true;
    const areFinite = () => results.subarray(0, 5).every(Number.isFinite);
    if (areFinite()) return this.differences(count, true);
    // As in `compare`.
    const [a, b] = types;
    if (a === "F32") this.widen(b as WidenedType, "otherChunk", count);
    else this.widen(a, "chunk", count);
    wasm.compareFiniteF32(count);
    if (areFinite()) return this.differences(count, false);
    return compareValues(...this.decode("F32", count), false, () => undefined);
  }

  compareLongs([a, b]: readonly [LongType, LongType], count: number): DifferenceSums {
    if (count === 0) return noDifferenceSums;
    this.reserve(20, count);
    this.wasm.compareLongs(count, a === "I64" ? 1 : 0, b === "I64" ? 1 : 0);
    return this.differences(count, true);
  }

  widen(type: WidenedType, chunk: "chunk" | "otherChunk", count: number): void {
    this.wasm[widenLoops[type]](layout[chunk], count);
  }

  private differences(count: number, isPlain: boolean): DifferenceSums {
    const [absolute, squares, squaresOfA, squaresOfB, product, changed, min, max, finite, differing] =
      this.results;
    return {
      elements: count,
      compared: isPlain ? count : (finite as number),
      changed: changed as number,
      mismatches: isPlain ? 0 : (differing as number),
      min: min as number,
      max: max as number,
      absolute: absolute as number,
      squares: squares as number,
      squaresOfA: squaresOfA as number,
      squaresOfB: squaresOfB as number,
      product: product as number,
    };
  }

  countBytePairs(count: number): void {
    this.reserve(16, count);
    this.wasm.countBytePairs(count);
  }

  takeCounts(codeBits: CodeBits): CodeCounts {
    const fresh = this.takeTable(codeBits);
    const taken = this.taken.get(codeBits);
    this.taken.delete(codeBits);
    return taken === undefined ? fresh : mergeCounts(taken, fresh);
  }

  /** Of those that are finite, which were measured alone. */
  private finiteMoments(values: number, valueAt: (at: number) => number): Moments {
    const [, , , , zeros = 0, nan = 0, count = 0] = this.results;
    return this.moments(values, { count, zeros, nan, inf: values - count - nan }, valueAt);
  }

  /** @param values of the chunk, those too that are not finite. */
  private moments(
    values: number,
    counts: Pick<Moments, "count" | "zeros" | "nan" | "inf">,
    valueAt: (at: number) => number,
    least = leastSpread,
  ): Moments {
    const { count } = counts;
    if (count === 0) return { ...noMoments, ...counts };
    const [sum, squares, min, max] = this.results as unknown as [number, number, number, number];
    const mean = sum / count;
    const spread = squares - sum * mean;
    const isExact = Number.isFinite(spread) && spread >= least * mean * mean * count;
    if (!isExact) return momentsOf(values, valueAt);
    return { ...counts, mean, squares: spread, min, max };
  }

  private decode(type: ComparedType, count: number): [Float64Array, Float64Array] {
    return [decodeTensor(this.chunk, type, count), decodeTensor(this.otherChunk, type, count)];
  }

  private smallest(): number {
    const first = layout.words / 4;
    return (this.counters[first] as number) + (this.counters[first + 0x8000] as number);
  }

  private reserve(codeBits: CodeBits, count: number): void {
    if (this.counted[codeBits] + count > maxCounted) {
      const taken = this.taken.get(codeBits);
      const fresh = this.takeTable(codeBits);
      this.taken.set(codeBits, taken === undefined ? fresh : mergeCounts(taken, fresh));
    }
    this.counted[codeBits] += count;
  }

  private takeTable(codeBits: CodeBits): CodeCounts {
    const { wasm, counted } = this;
    counted[codeBits] = 0;
    if (codeBits === 8) wasm.foldBytes();
    if (codeBits === 16 && this.haveRuns) wasm.emptySlots();
    if (codeBits === 16 && (this.haveRuns || this.haveHalves)) wasm.foldWords();
    if (codeBits === 20 && this.haveShorts) wasm.foldShorts();
    if (codeBits === 20) this.haveShorts = false;
    if (codeBits === 16) this.haveRuns = this.haveHalves = false;
    const { buffer } = wasm.memory;
    const found = wasm.takeTable(tables[codeBits], 2 ** codeBits);
    return {
      codes: new Uint32Array(buffer, layout.codesOut, found).slice(),
      counts: Float64Array.from(new Uint32Array(buffer, layout.countsOut, found)),
    };
  }
}
