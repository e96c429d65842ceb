import { type PanelProducts, paddedCount, panelWidth } from "../core/linalg/panels";

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
  widenRows(singles: number, panel: number, rows: number, length: number): void;
  turnSingles(singles: number, columns: number, panel: number, length: number): void;
  turnDoubles(doubles: number, columns: number, panel: number, length: number): void;
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
const stagedAt = 0x10000;
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

  packRows(
    panel: Float64Array,
    source: Float32Array | Float64Array,
    rows: number,
    cols: number,
    from: number,
    length: number,
  ): boolean {
    const { memory, widenRows } = this.wasm;
    if (panel.buffer !== memory.buffer) return false;
    const isWidened = source instanceof Float32Array;
    const target = isWidened ? new Float32Array(memory.buffer, stagedAt, rows * panelWidth) : panel;
    for (let i = 0; i < rows; i++) {
      const start = i * cols + from;
      target.set(source.subarray(start, start + length), i * panelWidth);
    }
    if (isWidened) widenRows(stagedAt, panel.byteOffset, rows, length);
    return true;
  }

  packColumns(
    panel: Float64Array,
    source: Float32Array | Float64Array,
    cols: number,
    from: number,
    length: number,
  ): boolean {
    const { memory, turnSingles, turnDoubles } = this.wasm;
    if (panel.buffer !== memory.buffer) return false;
    const given = source.subarray(from * cols, (from + length) * cols);
    const isSingle = given instanceof Float32Array;
    new (isSingle ? Float32Array : Float64Array)(memory.buffer, stagedAt, given.length).set(given);
    (isSingle ? turnSingles : turnDoubles)(stagedAt, cols, panel.byteOffset, length);
    return true;
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
