import type { Matrix } from "../linalg/matrix";
import { addCombinations, paddedCount } from "../linalg/panels";

/** One adapter's change of one weight. */
export type MergedUpdate = FactoredUpdate | WholeUpdate | RowsUpdate;

/** W + weight · scale · B·A, and with magnitudes DoRA's normalisation of that. */
export interface FactoredUpdate {
  readonly module: string;
  /** r × columns of the weight; of one that keeps the transpose of ΔW what is Bᵀ. */
  readonly a: Matrix;
  /** Rows of the weight × r. */
  readonly b: Matrix;
  /** The adapter's scale times the weight that the user gives it. */
  readonly scale: number;
  /** DoRA: the norm that each output's row has in the end. */
  readonly magnitude?: Float64Array;
  /** Of the weight, where it is one of several experts'; all where not said. */
  readonly rows?: { readonly first: number; readonly count: number };
}

/** W + scale · values: a difference or a bias that the adapter keeps as it is. */
export interface WholeUpdate {
  readonly module: string;
  readonly scale: number;
  /** As many as the weight has, in its order. */
  readonly whole: Float64Array;
}

/** Rows that the adapter keeps as they shall be. */
export interface RowsUpdate {
  readonly module: string;
  /** Which row of `whole` each row of the weight becomes. */
  readonly rowsAt: ReadonlyMap<number, number>;
  readonly whole: Float64Array;
}

/** What adding an update and rounding the result did to one weight. */
export interface MergeCost {
  readonly module: string;
  /** ‖ΔW‖_F of all updates of the weight together. */
  updateSquares: number;
  /** ‖(W′ − W) − ΔW‖_F of the rounded W′. */
  lostSquares: number;
}

/**
 * Adds updates to rows `first` and following of a weight, in doubles.
 * @param values the rows, one after the other; changed in place.
 */
export function addUpdates(
  values: Float64Array,
  first: number,
  columns: number,
  updates: readonly MergedUpdate[],
): void {
  const rows = values.length / columns;
  for (const update of updates) {
    if ("rowsAt" in update) {
      for (let row = 0; row < rows; row++) {
        const at = update.rowsAt.get(first + row);
        if (at !== undefined)
          values.set(update.whole.subarray(at * columns, (at + 1) * columns), row * columns);
      }
      continue;
    }
    if ("whole" in update) {
      for (let at = 0; at < values.length; at++)
        values[at] = (values[at] as number) + update.scale * (update.whole[first * columns + at] as number);
      continue;
    }
    const { rows: own = { first: 0, count: Number.POSITIVE_INFINITY } } = update;
    const [from, to] = [Math.max(0, own.first - first), Math.min(rows, own.first + own.count - first)];
    if (from < to)
      addProduct(values.subarray(from * columns, to * columns), first + from - own.first, update);
    if (update.magnitude === undefined) continue;
    for (let row = from; row < to; row++)
      normalise(values.subarray(row * columns, (row + 1) * columns), update.magnitude[first + row] as number);
  }
}

/** Adds rows `first` and following of scale · B·A. */
function addProduct(own: Float64Array, first: number, { a, b, scale }: FactoredUpdate): void {
  const { cols: columns } = a;
  const rank = b.cols;
  const count = paddedCount(rank);
  const { data } = b;
  const factors = new Float64Array((own.length / columns) * count);
  for (let at = 0, row = first; at < factors.length; at += count, row++)
    for (let k = 0; k < rank; k++) factors[at + k] = scale * (data[row * rank + k] as number);
  addCombinations(own, wholeFours(a), factors, columns);
}

const padded = new WeakMap<Matrix, Float64Array>();

/** The rows of A, and zeros up to a multiple of four of them. */
function wholeFours(a: Matrix): Float64Array {
  if (a.rows % 4 === 0) return a.data;
  let data = padded.get(a);
  if (data === undefined) {
    data = new Float64Array(paddedCount(a.rows) * a.cols);
    data.set(a.data);
    padded.set(a, data);
  }
  return data;
}

/** W′ = m · (W + ΔW) / ‖W + ΔW‖, row by row (DoRA, arXiv 2402.09353, eq. 5; peft/tuners/lora/dora.py). */
function normalise(row: Float64Array, magnitude: number): void {
  let square = 0;
  for (const value of row) square += value * value;
  const factor = magnitude / Math.sqrt(square);
  for (let at = 0; at < row.length; at++) row[at] = (row[at] as number) * factor;
}

/** Σ(exact − before)². */
export function changeSquares(before: Float64Array, exact: Float64Array): number {
  let squares = 0;
  for (let at = 0; at < before.length; at++) {
    const change = (exact[at] as number) - (before[at] as number);
    squares += change * change;
  }
  return squares;
}

/** The share of ‖ΔW‖ that rounding took; 0 for an update that is none. */
export function lostShare({ updateSquares, lostSquares }: MergeCost): number {
  return updateSquares === 0 ? 0 : Math.sqrt(lostSquares / updateSquares);
}
