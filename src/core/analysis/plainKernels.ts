import type { CodeBits, CodeCounts, Moments, NumberKernels } from "./numberKernels";

/** Big enough that a read costs little beside its bytes, small enough for the caches of a core. */
export const chunkBytes = 1024 * 1024;

/** The kernels in TypeScript: where WebAssembly has no SIMD, and as what the others must agree with. */
export class PlainKernels implements NumberKernels {
  readonly chunk: Uint8Array<ArrayBuffer>;
  private readonly view: DataView;
  private readonly tables = new Map<CodeBits, Float64Array>();

  constructor(size = chunkBytes) {
    this.chunk = new Uint8Array(size);
    this.view = new DataView(this.chunk.buffer);
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

/** Twice over the values: the squares are taken about the mean, so that nothing cancels. */
function momentsOf(total: number, valueAt: (at: number) => number): Moments {
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
