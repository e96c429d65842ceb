/**
 * Inner products of long rows, the arithmetic behind Gram matrices and products of factors. Rows are copied in
 * pieces of `panelWidth` values into a panel that stays in the first- or second-level cache, and met there four
 * by four: sixteen independent sums need eight loads. Without the copy, rows of 4096 doubles would all fall on
 * the same cache lines.
 */

/** Values of each row in a panel. A multiple of 4. */
export const panelWidth = 256;

/** Rows of a panel: padded to whole tiles of four. */
export function paddedCount(count: number): number {
  return (count + 3) & ~3;
}

/** Vectors of one length that lie in a matrix: its rows or its columns. */
export interface Vectors {
  /** In row-major order. */
  readonly values: Float32Array | Float64Array;
  readonly areColumns: boolean;
  readonly count: number;
  readonly length: number;
}

/** The memory and the inner loop of products, where a host has faster ones than the plain ones here. */
export interface PanelProducts {
  /** One of two in turns: what is made of a pair is taken out before the next is asked for. Undefined where it is too small. */
  panel(rows: number): Float64Array | undefined;
  /** Zeros, the only ones until they are asked for again. Undefined where there are not as many. */
  sums(count: number): Float64Array | undefined;
  /** `addProducts` of innerProducts.ts to zeros, to be copied out; undefined where there are too many vectors. */
  inner(x: Vectors, y: Vectors): Float64Array | undefined;
  /** `addPanelProducts`; false where something lies in other memory. */
  add(...given: Required<Parameters<typeof addPanelProducts>>): boolean;
  combine(...given: Parameters<typeof addCombinations>): boolean;
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

/** Space for a panel of `rows` rows. Padding rows hold anything. */
export function createPanel(rows: number): Float64Array {
  const padded = paddedCount(rows);
  return fastProducts()?.panel(padded) ?? new Float64Array(padded * panelWidth);
}

/** Space for sums that are copied out before anybody else makes some. */
export function createSums(count: number): Float64Array {
  return fastProducts()?.sums(count) ?? new Float64Array(count);
}

/** Values [from, from + length) of each row of a `rows`×`cols` matrix. Padding rows are left as they are. */
export function packRows(
  panel: Float64Array,
  source: Float32Array | Float64Array,
  rows: number,
  cols: number,
  from: number,
  length: number,
): void {
  for (let i = 0; i < rows; i++) {
    const start = i * cols + from;
    const target = i * panelWidth;
    for (let k = 0; k < length; k++) panel[target + k] = source[start + k] as number;
  }
}

/** Rows [from, from + length) of a matrix of `cols` columns, turned: column j becomes row j of the panel. */
export function packColumns(
  panel: Float64Array,
  source: Float32Array | Float64Array,
  cols: number,
  from: number,
  length: number,
): void {
  for (let k = 0; k < length; k++) {
    const start = (from + k) * cols;
    for (let j = 0; j < cols; j++) panel[j * panelWidth + k] = source[start + j] as number;
  }
}

/**
 * Adds to `result`, whose rows have `stride` values, the inner products of every row of panel `x` with every row
 * of panel `y` over `length` values. Both counts of rows are padded to whole tiles, and so is `result`.
 * @param upperOnly leaves out tiles below the diagonal, for products that are symmetric.
 */
export function addPanelProducts(
  result: Float64Array,
  stride: number,
  x: Float64Array,
  rowsOfX: number,
  y: Float64Array,
  rowsOfY: number,
  length: number,
  upperOnly = false,
): void {
  if (products?.add(result, stride, x, rowsOfX, y, rowsOfY, length, upperOnly) === true) return;
  for (let i = 0; i < rowsOfX; i += 4) {
    for (let j = upperOnly ? i : 0; j < rowsOfY; j += 4) {
      addTile(result, i * stride + j, stride, x, i * panelWidth, y, j * panelWidth, length);
    }
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

function addTile(
  result: Float64Array,
  at: number,
  stride: number,
  x: Float64Array,
  x0: number,
  y: Float64Array,
  y0: number,
  length: number,
): void {
  const x1 = x0 + panelWidth;
  const x2 = x1 + panelWidth;
  const x3 = x2 + panelWidth;
  const y1 = y0 + panelWidth;
  const y2 = y1 + panelWidth;
  const y3 = y2 + panelWidth;
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
  for (let k = 0; k < length; k++) {
    const a0 = x[x0 + k] as number;
    const a1 = x[x1 + k] as number;
    const a2 = x[x2 + k] as number;
    const a3 = x[x3 + k] as number;
    const b0 = y[y0 + k] as number;
    const b1 = y[y1 + k] as number;
    const b2 = y[y2 + k] as number;
    const b3 = y[y3 + k] as number;
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
  addRow(result, at, s00, s01, s02, s03);
  addRow(result, at + stride, s10, s11, s12, s13);
  addRow(result, at + 2 * stride, s20, s21, s22, s23);
  addRow(result, at + 3 * stride, s30, s31, s32, s33);
}

function addRow(result: Float64Array, at: number, s0: number, s1: number, s2: number, s3: number): void {
  result[at] = (result[at] as number) + s0;
  result[at + 1] = (result[at + 1] as number) + s1;
  result[at + 2] = (result[at + 2] as number) + s2;
  result[at + 3] = (result[at + 3] as number) + s3;
}
