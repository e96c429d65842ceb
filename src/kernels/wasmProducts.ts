import type { Matrix } from "../core/linalg/matrix";
import {
  type OperandPair,
  type PanelProducts,
  paddedCount,
  panelWidth,
  type Vectors,
} from "../core/linalg/panels";
import type { ProductCore } from "../core/linalg/productCore";

/** What assembly/products.ts and assembly/core.ts export. */
interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer };
  addInner(operands: number, operandCount: number, pairs: number, pairCount: number, length: number): void;
  addCombined(
    own: number,
    rows: number,
    columns: number,
    components: number,
    stride: number,
    count: number,
    factors: number,
  ): void;
  fillCore(
    b: number,
    a: number,
    core: number,
    values: number,
    scratch: number,
    count: number,
    scale: number,
  ): number;
}

/** Where things lie in the memory of an instance that does nothing else. */
const tablesAt = 0x10000;
const stagedAt = 0x20000;
const sumsAt = 0x900000;
const panelsAt = 0xd00000;
const memoryEnd = 0xf00000;

const maxOperands = 64;
const maxPairs = 1024;
/** Some bytes are left behind, which are read and not used. */
const maxStagedBytes = sumsAt - stagedAt - 0x10000;
/** Columns lie in one stretch: a part of them that stays in the second-level cache costs no more calls than all of them. */
const stagedColumnsBytes = 0x20000;
const maxSums = (panelsAt - sumsAt) / 8;
const maxVectors = (memoryEnd - panelsAt) / (8 * panelWidth);

/** Where those of combinations lie. */
const componentsAt = stagedAt;
const maxComponents = (panelsAt - componentsAt) / 8;
const rowsAt = [0xd00000, 0xe00000] as const;
const maxRows = 0x20000;

/** Where small matrices lie: three of this many rows, and memory for more than a fourth. */
const coresAt = stagedAt;
const maxCoreRows = 256;

/** Products in WebAssembly, with SIMD. */
export class WasmProducts implements PanelProducts {
  private constructor(private readonly wasm: Exports) {}

  /** Of the first module that the host can run: undefined where WebAssembly has no SIMD. */
  static create(...modules: readonly Uint8Array[]): WasmProducts | undefined {
    const bytes = modules.find((module) => WebAssembly.validate(module));
    if (bytes === undefined) return undefined;
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes));
    return new WasmProducts(exports as unknown as Exports);
  }

  inner(operands: readonly Vectors[], pairs: readonly OperandPair[]): readonly Float64Array[] | undefined {
    const { memory, addInner } = this.wasm;
    const padded = operands.map(({ count }) => paddedCount(count));
    const sizes = pairs.map(([x, y]) => (padded[x] as number) * (padded[y] as number));
    if (operands.length > maxOperands || pairs.length > maxPairs) return undefined;
    if (total(padded) > maxVectors || total(sizes) > maxSums) return undefined;
    const bytesOfValue = total(operands.map((vectors, at) => (padded[at] as number) * sizeOf(vectors)));
    const areColumns = operands.every((vectors) => vectors.areColumns);
    const most = Math.floor((areColumns ? stagedColumnsBytes : maxStagedBytes) / Math.max(bytesOfValue, 1));
    // Whole panels, as the plain products have them; one of as many vectors as there may be fits.
    const step = Math.max(most - (most % panelWidth), panelWidth);

    const table = new Int32Array(memory.buffer, tablesAt, 4 * (operands.length + pairs.length));
    const sums = new Float64Array(memory.buffer, sumsAt, total(sizes)).fill(0);
    let at = sumsAt;
    for (const [index, [x, y]] of pairs.entries()) {
      table.set([x, y, at, padded[y] as number], 4 * (operands.length + index));
      at += 8 * (sizes[index] as number);
    }
    const { length = 0 } = operands[0] ?? {};
    for (let from = 0; from < length; from += step) {
      const part = Math.min(step, length - from);
      let staged = stagedAt;
      let panel = panelsAt;
      for (const [index, vectors] of operands.entries()) {
        this.stage(staged, vectors, from, part);
        table.set([staged, vectors.count, kindOf(vectors), panel], 4 * index);
        staged += (vectors.count * part * sizeOf(vectors) + 15) & ~15;
        panel += 8 * panelWidth * (padded[index] as number);
      }
      addInner(tablesAt, operands.length, tablesAt + 16 * operands.length, pairs.length, part);
    }
    let first = 0;
    return sizes.map((size) => {
      first += size;
      return sums.subarray(first - size, first);
    });
  }

  /** Values [from, from + part) of each vector, as they lie. */
  private stage(at: number, vectors: Vectors, from: number, part: number): void {
    const { values, areColumns, stride, first, count } = vectors;
    const Values = values instanceof Float32Array ? Float32Array : Float64Array;
    const target = new Values(this.wasm.memory.buffer, at, count * part);
    // Lines of the matrix, and what of each is taken.
    const [lines, width] = areColumns ? [part, count] : [count, part];
    const start = areColumns ? from * stride + first : first * stride + from;
    if (width === stride) target.set(values.subarray(start, start + lines * width));
    else {
      for (let line = 0; line < lines; line++) {
        const source = start + line * stride;
        target.set(values.subarray(source, source + width), line * width);
      }
    }
  }

  core(gramOfB: Matrix, gramOfA: Matrix, scale: number): ProductCore | undefined {
    const { rows: n } = gramOfB;
    if (n === 0 || n > maxCoreRows) return undefined;
    const { fillCore, memory } = this.wasm;
    const size = n * n;
    const inside = new Float64Array(memory.buffer, coresAt, 3 * size + n);
    inside.set(gramOfB.data);
    inside.set(gramOfA.data, size);
    const [a, core, values] = [coresAt + 8 * size, coresAt + 16 * size, coresAt + 24 * size];
    const pivot = fillCore(coresAt, a, core, values, values + 8 * n, n, scale);
    if (pivot < 0) return undefined;
    const matrix = (at: number) => ({ rows: n, cols: n, data: inside.slice(at * size, (at + 1) * size) });
    return { rb: matrix(0), ra: matrix(1), core: matrix(2), values: inside.slice(3 * size), pivot };
  }

  combine(own: Float64Array, components: Float64Array, factors: Float64Array, columns: number): boolean {
    const rows = own.length / columns;
    const count = factors.length / rows;
    // A cache line apart, or the components of a column would all fall on the same lines.
    const stride = paddedCount(columns) + 8;
    if (Math.max(own.length, factors.length) > maxRows || count * stride > maxComponents) return false;
    const { addCombined, memory } = this.wasm;
    const [ownAt, factorsAt] = rowsAt;
    const inside = new Float64Array(memory.buffer, ownAt, own.length);
    inside.set(own);
    new Float64Array(memory.buffer, factorsAt, factors.length).set(factors);
    const space = new Float64Array(memory.buffer, componentsAt, count * stride);
    for (let k = 0; k < count; k++)
      space.set(components.subarray(k * columns, (k + 1) * columns), k * stride);
    addCombined(ownAt, rows, columns, componentsAt, 8 * stride, count, factorsAt);
    own.set(inside);
    return true;
  }
}

/** As assembly/products.ts has it. */
function kindOf({ values, areColumns }: Vectors): number {
  return (areColumns ? 1 : 0) + (values instanceof Float32Array ? 0 : 2);
}

function sizeOf({ values }: Vectors): number {
  return values.BYTES_PER_ELEMENT;
}

function total(counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count, 0);
}
