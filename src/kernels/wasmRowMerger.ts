import type { FactoredUpdate, MergedUpdate } from "../core/base/mergedUpdate";
import type { RowMerger } from "../core/base/rowMerger";
import { paddedCount } from "../core/linalg/panels";
import type { WritableDtype } from "../core/tensors/encode";

/** What assembly/merge.ts exports. */
interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer };
  mergeRows(rows: number, blocks: number, rank: number, from: number, to: number): void;
}

/** Where things lie in the memory of an instance that does nothing else. */
const layout = {
  results: 0x400,
  blocks: 0x10000,
  doubles: 0x900000,
  singles: 0xb00000,
  doubts: 0xc00000,
  chunk: 0xd00000,
  otherChunk: 0xe00000,
} as const;
const maxComponents = (layout.doubles - layout.blocks) / 4;
const maxFactors = (layout.doubts - layout.singles) / 4;
const maxRows = 0x10000;
const maxChunkBytes = layout.otherChunk - layout.chunk;
const blockColumns = 8;

/** Bytes of a value, and above which bits a magnitude is too large to be rounded here. */
const targets = { BF16: { kind: 0, limit: 0x7f7f0000 }, F16: { kind: 1, limit: 0x477fe000 } } as const;
const sources: ReadonlyMap<string, { readonly kind: number; readonly bytes: number }> = new Map([
  ["BF16", { kind: 0, bytes: 2 }],
  ["F16", { kind: 1, bytes: 2 }],
  ["F32", { kind: 2, bytes: 4 }],
]);

interface Loaded {
  /** Their ranks one after the other, each padded to a multiple of four. */
  readonly updates: readonly FactoredUpdate[];
  readonly rank: number;
  readonly columns: number;
  /** Padded to whole blocks. */
  readonly stride: number;
  readonly from: { readonly kind: number; readonly bytes: number };
  readonly to: (typeof targets)[keyof typeof targets];
  /** Of A. */
  readonly largest: number;
}

/**
 * Sums in singles with SIMD, rounded to BF16 or F16. What rounding depends on more digits than they have is summed again
 * in doubles, so that the bytes are those of the plain arithmetic.
 */
export class WasmRowMerger implements RowMerger {
  private loaded: Loaded | undefined;
  private readonly outputs: [Uint8Array, Uint8Array] = [new Uint8Array(0), new Uint8Array(0)];
  private pieces = 0;

  private constructor(private readonly wasm: Exports) {}

  /** Undefined where WebAssembly has no SIMD. */
  static create(bytes: Uint8Array): WasmRowMerger | undefined {
    if (!WebAssembly.validate(bytes)) return undefined;
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes));
    return new WasmRowMerger(exports as unknown as Exports);
  }

  load(
    updates: readonly MergedUpdate[],
    columns: number,
    dtype: string,
    target: WritableDtype,
  ): number | undefined {
    this.loaded = undefined;
    const from = sources.get(dtype);
    if (from === undefined || !(target === "BF16" || target === "F16") || !updates.every(isPlain))
      return undefined;
    const rank = updates.reduce((sum, { b }) => sum + paddedCount(b.cols), 0);
    const stride = Math.ceil(columns / blockColumns) * blockColumns;
    const most = Math.min(maxRows, maxFactors / rank, maxChunkBytes / (stride * from.bytes));
    const rows = Math.floor(most / 4) * 4;
    if (rank === 0 || rows === 0 || rank * stride > maxComponents) return undefined;
    const largest = this.loadComponents(updates, columns, rank, stride);
    if (largest === undefined) return undefined;
    this.loaded = { updates, rank, columns, stride, from, to: targets[target], largest };
    return rows;
  }

  merge(stored: Uint8Array, first: number): ReturnType<RowMerger["merge"]> {
    if (this.loaded === undefined) throw new Error("Nothing was loaded that could be merged.");
    const { rank, columns, stride, from, to } = this.loaded;
    const { memory, mergeRows } = this.wasm;
    const rows = stored.length / (columns * from.bytes);
    const padded = paddedCount(rows);
    const chunk = new Uint8Array(memory.buffer, layout.chunk, padded * stride * from.bytes);
    // What earlier rows left behind a row or below the last one counts for nothing.
    chunk.fill(0, stride === columns ? rows * stride * from.bytes : 0);
    copyRows(stored, columns * from.bytes, chunk, stride * from.bytes, rows);
    if (!this.loadFactors(first, rows, padded)) return undefined;
    mergeRows(padded, stride / blockColumns, rank, from.kind, to.kind);
    const [updateSquares, lostSquares, largest] = new Float64Array(
      memory.buffer,
      layout.results,
      3,
    ) as unknown as [number, number, number];
    if (!(largest < to.limit)) return undefined;
    const at = this.pieces++ % 2;
    const length = 2 * rows * columns;
    if (this.outputs[at]?.length !== length) this.outputs[at] = new Uint8Array(length);
    const bytes = this.outputs[at] as Uint8Array;
    const merged = new Uint8Array(memory.buffer, layout.otherChunk, rows * stride * 2);
    copyRows(merged, 2 * stride, bytes, 2 * columns, rows);
    return { bytes, updateSquares, lostSquares };
  }

  /** @returns the largest magnitude of A; undefined where one is more than an F32 can hold. */
  private loadComponents(
    updates: readonly FactoredUpdate[],
    columns: number,
    rank: number,
    stride: number,
  ): number | undefined {
    const blocks = new Float32Array(this.wasm.memory.buffer, layout.blocks, rank * stride).fill(0);
    let [first, largest] = [0, 0];
    for (const { a } of updates) {
      for (let k = 0; k < a.rows; k++) {
        for (let column = 0; column < columns; column++) {
          const value = a.data[k * columns + column] as number;
          if (Math.fround(value) !== value) return undefined;
          const at = (column - (column % blockColumns)) * rank + (first + k) * blockColumns;
          blocks[at + (column % blockColumns)] = value;
          largest = Math.max(largest, Math.abs(value));
        }
      }
      first += paddedCount(a.rows);
    }
    return largest;
  }

  /**
   * Those of rows; of the padding zeros.
   * @returns false where they are so small or large that the squares of their products are none in singles.
   */
  private loadFactors(first: number, rows: number, padded: number): boolean {
    const { updates, rank, largest } = this.loaded as Loaded;
    const { buffer } = this.wasm.memory;
    const doubles = new Float64Array(buffer, layout.doubles, padded * rank).fill(0);
    const doubts = new Float32Array(buffer, layout.doubts, padded);
    let begin = 0;
    for (const { b, scale } of updates) {
      for (let row = 0; row < rows; row++)
        for (let k = 0; k < b.cols; k++)
          doubles[row * rank + begin + k] = scale * (b.data[(first + row) * b.cols + k] as number);
      begin += paddedCount(b.cols);
    }
    new Float32Array(buffer, layout.singles, padded * rank).set(doubles);
    let most = 0;
    for (let row = 0; row < padded; row++) {
      let sum = 0;
      for (let k = row * rank; k < (row + 1) * rank; k++) sum += Math.abs(doubles[k] as number);
      const bound = sum * largest;
      most = Math.max(most, bound);
      doubts[row] = doubtOf(rank, bound);
    }
    return most === 0 || (most > 2 ** -40 && most < 2 ** 40);
  }
}

/**
 * How far a sum of products in singles may be from the true one: each factor, product and sum is rounded once, and the
 * smallest numbers lose all of theirs.
 * @param bound of the sum of the products' magnitudes.
 */
function doubtOf(rank: number, bound: number): number {
  return 1.1 * (rank + 4) * 2 ** -24 * bound + 1e-40;
}

function isPlain(update: MergedUpdate): update is FactoredUpdate {
  return "a" in update && update.magnitude === undefined && update.rows === undefined;
}

/** Rows between memories in which they lie more or less apart; what is between them is left as it is. */
function copyRows(source: Uint8Array, stride: number, target: Uint8Array, apart: number, rows: number): void {
  if (stride === apart) {
    target.set(source.subarray(0, rows * stride));
    return;
  }
  const length = Math.min(stride, apart);
  for (let row = 0; row < rows; row++)
    target.set(source.subarray(row * stride, row * stride + length), row * apart);
}
