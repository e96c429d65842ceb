import { type PanelProducts, paddedCount, panelWidth, type Vectors } from "../core/linalg/panels";

/** What assembly/products.ts exports. */
interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer };
  addTiles(
    sums: number,
    stride: number,
    x: number,
    rowsOfX: number,
    y: number,
    rowsOfY: number,
    length: number,
    upperOnly: number,
  ): void;
  addInner(
    sums: number,
    stride: number,
    x: number,
    countOfX: number,
    kindOfX: number,
    y: number,
    countOfY: number,
    kindOfY: number,
    length: number,
  ): void;
  addCombined(
    own: number,
    rows: number,
    columns: number,
    components: number,
    stride: number,
    count: number,
    factors: number,
  ): void;
}

/** Where things lie in the memory of an instance that does nothing else. */
const stagedAt = [0x10000, 0x580000] as const;
/** Doubles; some bytes are left behind them, which are read and not used. */
const maxStaged = 0xa0000;
const innerSumsAt = 0xb00000;
const sumsAt = 0x500000;
const maxSums = 0x100000;
const panelsAt = [0xd00000, 0xe00000] as const;
const maxRows = 512;

/** Products in WebAssembly, with SIMD. */
export class WasmProducts implements PanelProducts {
  private next: 0 | 1 = 0;

  private constructor(private readonly wasm: Exports) {}

  /** Undefined where WebAssembly has no SIMD. */
  static create(bytes: Uint8Array): WasmProducts | undefined {
    if (!WebAssembly.validate(bytes)) return undefined;
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes));
    return new WasmProducts(exports as unknown as Exports);
  }

  panel(rows: number): Float64Array | undefined {
    if (rows > maxRows) return undefined;
    const at = panelsAt[this.next];
    this.next = this.next === 0 ? 1 : 0;
    return new Float64Array(this.wasm.memory.buffer, at, rows * panelWidth);
  }

  sums(count: number): Float64Array | undefined {
    return count > maxSums ? undefined : new Float64Array(this.wasm.memory.buffer, sumsAt, count).fill(0);
  }

  inner(x: Vectors, y: Vectors): Float64Array | undefined {
    if (Math.max(x.count, y.count) > maxRows) return undefined;
    const { memory, addInner } = this.wasm;
    const stride = paddedCount(y.count);
    const sums = new Float64Array(memory.buffer, innerSumsAt, paddedCount(x.count) * stride).fill(0);
    const most = Math.floor(maxStaged / Math.max(x.count, y.count, 1));
    for (let from = 0; from < x.length; from += most) {
      const length = Math.min(most, x.length - from);
      const [atX, atY] = [stagedAt[0], x === y ? stagedAt[0] : stagedAt[1]];
      this.stage(atX, x, from, length);
      if (x !== y) this.stage(atY, y, from, length);
      addInner(sums.byteOffset, stride, atX, x.count, kindOf(x), atY, y.count, kindOf(y), length);
    }
    return sums;
  }

  /** Values [from, from + length) of each vector, as they lie. */
  private stage(at: number, vectors: Vectors, from: number, length: number): void {
    const { values, areColumns, count } = vectors;
    const Values = values instanceof Float32Array ? Float32Array : Float64Array;
    const target = new Values(this.wasm.memory.buffer, at, count * length);
    if (areColumns) target.set(values.subarray(from * count, (from + length) * count));
    else if (length === vectors.length) target.set(values);
    else {
      for (let row = 0; row < count; row++) {
        const start = row * vectors.length + from;
        target.set(values.subarray(start, start + length), row * length);
      }
    }
  }

  add(
    sums: Float64Array,
    stride: number,
    x: Float64Array,
    rowsOfX: number,
    y: Float64Array,
    rowsOfY: number,
    length: number,
    upperOnly: boolean,
  ): boolean {
    const { addTiles, memory } = this.wasm;
    if (sums.buffer !== memory.buffer || x.buffer !== memory.buffer || y.buffer !== memory.buffer)
      return false;
    const [at, fromX, fromY] = [sums.byteOffset, x.byteOffset, y.byteOffset];
    addTiles(at, stride, fromX, rowsOfX, fromY, rowsOfY, length, upperOnly ? 1 : 0);
    return true;
  }

  combine(own: Float64Array, components: Float64Array, factors: Float64Array, columns: number): boolean {
    const rows = own.length / columns;
    const count = factors.length / rows;
    // A cache line apart, or the components of a column would all fall on the same lines.
    const stride = paddedCount(columns) + 8;
    const maxPanel = maxRows * panelWidth;
    if (own.length > maxPanel || factors.length > maxPanel || count * stride > maxSums) return false;
    const { addCombined, memory } = this.wasm;
    const [ownAt, factorsAt] = panelsAt;
    const inside = new Float64Array(memory.buffer, ownAt, own.length);
    inside.set(own);
    new Float64Array(memory.buffer, factorsAt, factors.length).set(factors);
    const space = new Float64Array(memory.buffer, sumsAt, count * stride);
    for (let k = 0; k < count; k++)
      space.set(components.subarray(k * columns, (k + 1) * columns), k * stride);
    addCombined(ownAt, rows, columns, sumsAt, 8 * stride, count, factorsAt);
    own.set(inside);
    return true;
  }
}

/** As assembly/products.ts has it. */
function kindOf({ values, areColumns }: Vectors): number {
  return (areColumns ? 1 : 0) + (values instanceof Float32Array ? 0 : 2);
}
