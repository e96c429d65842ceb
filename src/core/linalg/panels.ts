import type { Matrix } from "./matrix";
import type { ProductCore } from "./productCore";

/**
 * Inner products of long vectors, the arithmetic behind Gram matrices and products of factors. Vectors are copied in
 * pieces of `panelWidth` values into a panel that stays in the first- or second-level cache, where those of four lie side
 * by side, and met there four by four: sixteen independent sums need eight loads. Without the copy, rows of 4096 doubles
 * would all fall on the same cache lines.
 */

/** Values of each vector in a panel. */
export const panelWidth = 256;

/** Vectors of a panel: padded to whole tiles of four. */
export function paddedCount(count: number): number {
  return (count + 3) & ~3;
}

/** Vectors of one length that lie in a matrix: some of its rows or of its columns. */
export interface Vectors {
  /** In row-major order. */
  readonly values: Float32Array | Float64Array;
  readonly areColumns: boolean;
  /** Values in a row of the matrix. */
  readonly stride: number;
  /** Row or column of the first of them. */
  readonly first: number;
  readonly count: number;
  readonly length: number;
}

/** Two operands by their place in a list. */
export type OperandPair = readonly [x: number, y: number];

/** The inner loops of products, where a host has faster ones than the plain ones here. */
export interface PanelProducts {
  /** `addProducts` to zeros; undefined where there are too many vectors. */
  inner(operands: readonly Vectors[], pairs: readonly OperandPair[]): readonly Float64Array[] | undefined;
  combine(...given: Parameters<typeof addCombinations>): boolean;
  /** `coreOfGrams`; undefined where it must be asked itself. */
  core(gramOfB: Matrix, gramOfA: Matrix, scale: number): ProductCore | undefined;
}

type MakeProducts = () => PanelProducts | undefined;

let makeProducts: MakeProducts | undefined;
let products: PanelProducts | undefined;

/** For the whole thread, made with the first product. Undefined brings the plain ones back. */
export function usePanelProducts(make: MakeProducts | undefined): void {
  makeProducts = make;
  products = undefined;
}

export function fastProducts(): PanelProducts | undefined {
  products ??= makeProducts?.();
  makeProducts = undefined;
  return products;
}

/**
 * The inner products of all vectors of x with all of y for each pair, in rows of `paddedCount` of y's. Of operands with
 * themselves only tiles on and above the diagonal are added up.
 */
export function addProducts(
  operands: readonly Vectors[],
  pairs: readonly OperandPair[],
): readonly Float64Array[] {
  const padded = operands.map(({ count }) => paddedCount(count));
  const panels = padded.map((count) => new Float64Array(count * panelWidth));
  const sums = pairs.map(([x, y]) => new Float64Array((padded[x] as number) * (padded[y] as number)));
  const length = operands[0]?.length ?? 0;
  for (let from = 0; from < length; from += panelWidth) {
    const part = Math.min(panelWidth, length - from);
    for (const [index, operand] of operands.entries())
      pack(panels[index] as Float64Array, operand, from, part);
    for (const [index, [x, y]] of pairs.entries()) {
      const stride = padded[y] as number;
      for (let i = 0; i < (padded[x] as number); i += 4) {
        for (let j = x === y ? i : 0; j < stride; j += 4) {
          const [atX, atY] = [i * panelWidth, j * panelWidth];
          const own = sums[index] as Float64Array;
          addTile(
            own,
            i * stride + j,
            stride,
            panels[x] as Float64Array,
            atX,
            panels[y] as Float64Array,
            atY,
            part,
          );
        }
      }
    }
  }
  return sums;
}

/** Values [from, from + part) of each vector. Vectors of padding stay as they are. */
function pack(panel: Float64Array, vectors: Vectors, from: number, part: number): void {
  const { values, areColumns, stride, first, count } = vectors;
  const [next, step] = areColumns ? [1, stride] : [stride, 1];
  for (let vector = 0; vector < count; vector++) {
    const target = (vector & ~3) * panelWidth + (vector & 3);
    const start = (first + vector) * next + from * step;
    for (let k = 0; k < part; k++) panel[target + 4 * k] = values[start + k * step] as number;
  }
}

/**
 * Adds to each row of `own` the sum of `components` times its factors, and overwrites panels and sums that are not taken
 * out. A row takes four products at a time: their sum is added to what is there.
 * @param components rows of `columns` values, at least a multiple of four.
 * @param factors as many for each row.
 */
export function addCombinations(
  own: Float64Array,
  components: Float64Array,
  factors: Float64Array,
  columns: number,
): void {
  if (fastProducts()?.combine(own, components, factors, columns) === true) return;
  const rows = own.length / columns;
  const count = factors.length / rows;
  for (let row = 0; row < rows; row++) {
    const line = own.subarray(row * columns, (row + 1) * columns);
    for (let k = 0; k < count; k += 4) addFour(line, components, k * columns, factors, row * count + k);
  }
}

/** Four components at a time, so that the row is read and written a quarter as often. */
function addFour(
  line: Float64Array,
  components: Float64Array,
  from: number,
  factors: Float64Array,
  at: number,
): void {
  const { length } = line;
  const [f0, f1, f2, f3] = factors.subarray(at, at + 4) as unknown as [number, number, number, number];
  // Adding 0 would make 0 of -0.
  if (f0 === 0 && f1 === 0 && f2 === 0 && f3 === 0) return;
  const [second, third, fourth] = [from + length, from + 2 * length, from + 3 * length];
  for (let column = 0; column < length; column++)
    line[column] =
      (line[column] as number) +
      (f0 * (components[from + column] as number) +
        f1 * (components[second + column] as number) +
        (f2 * (components[third + column] as number) + f3 * (components[fourth + column] as number)));
}

/** Adds the inner products of four vectors with four. */
function addTile(
  sums: Float64Array,
  at: number,
  stride: number,
  x: Float64Array,
  atX: number,
  y: Float64Array,
  atY: number,
  length: number,
): void {
  let s00 = 0;
  let s01 = 0;
  let s02 = 0;
  let s03 = 0;
  let s10 = 0;
  let s11 = 0;
  let s12 = 0;
  let s13 = 0;
  let s20 = 0;
  let s21 = 0;
  let s22 = 0;
  let s23 = 0;
  let s30 = 0;
  let s31 = 0;
  let s32 = 0;
  let s33 = 0;
  for (let k = 0; k < 4 * length; k += 4) {
    const a0 = x[atX + k] as number;
    const a1 = x[atX + k + 1] as number;
    const a2 = x[atX + k + 2] as number;
    const a3 = x[atX + k + 3] as number;
    const b0 = y[atY + k] as number;
    const b1 = y[atY + k + 1] as number;
    const b2 = y[atY + k + 2] as number;
    const b3 = y[atY + k + 3] as number;
    s00 += a0 * b0;
    s01 += a0 * b1;
    s02 += a0 * b2;
    s03 += a0 * b3;
    s10 += a1 * b0;
    s11 += a1 * b1;
    s12 += a1 * b2;
    s13 += a1 * b3;
    s20 += a2 * b0;
    s21 += a2 * b1;
    s22 += a2 * b2;
    s23 += a2 * b3;
    s30 += a3 * b0;
    s31 += a3 * b1;
    s32 += a3 * b2;
    s33 += a3 * b3;
  }
  addRow(sums, at, s00, s01, s02, s03);
  addRow(sums, at + stride, s10, s11, s12, s13);
  addRow(sums, at + 2 * stride, s20, s21, s22, s23);
  addRow(sums, at + 3 * stride, s30, s31, s32, s33);
}

function addRow(result: Float64Array, at: number, s0: number, s1: number, s2: number, s3: number): void {
  result[at] = (result[at] as number) + s0;
  result[at + 1] = (result[at + 1] as number) + s1;
  result[at + 2] = (result[at + 2] as number) + s2;
  result[at + 3] = (result[at + 3] as number) + s3;
}
