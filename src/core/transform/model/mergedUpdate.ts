import type { Matrix } from "../../linalg/matrix";

/** One adapter's change of one weight. */
export type MergedUpdate = FactoredUpdate | WholeUpdate | RowsUpdate;

/** W + weight · scale · B·A, and with magnitudes DoRA's normalisation of that. */
export interface FactoredUpdate {
  readonly module: string;
  /** r×in. */
  readonly a: Matrix;
  /** out×r. */
  readonly b: Matrix;
  /** The adapter's scale times the weight that the user gives it. */
  readonly scale: number;
  /** The base keeps the transpose of ΔW: embeddings, and GPT-2's Conv1D. */
  readonly isTurned: boolean;
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
    for (let row = from; row < to; row++) {
      const line = values.subarray(row * columns, (row + 1) * columns);
      if (update.isTurned) addTurnedRow(line, first + row - own.first, update);
      else addRow(line, first + row - own.first, update);
      if (update.magnitude !== undefined) normalise(line, update.magnitude[first + row] as number);
    }
  }
}

/** Four components at a time, so that the row is read and written a quarter as often. */
function addRow(own: Float64Array, output: number, { a, b, scale }: FactoredUpdate): void {
  const { data } = a;
  const length = own.length;
  const factor = (k: number) => (k < b.cols ? scale * (b.data[output * b.cols + k] as number) : 0);
  for (let k = 0; k < a.rows; k += 4) {
    const [f0, f1, f2, f3] = [factor(k), factor(k + 1), factor(k + 2), factor(k + 3)];
    if (f0 === 0 && f1 === 0 && f2 === 0 && f3 === 0) continue;
    // Behind the last component the first of the four is read again, times 0.
    const from = k * length;
    const second = k + 1 < a.rows ? from + length : from;
    const third = k + 2 < a.rows ? from + 2 * length : from;
    const fourth = k + 3 < a.rows ? from + 3 * length : from;
    for (let column = 0; column < length; column++)
      own[column] =
        (own[column] as number) +
        (f0 * (data[from + column] as number) +
          f1 * (data[second + column] as number) +
          (f2 * (data[third + column] as number) + f3 * (data[fourth + column] as number)));
  }
}

function addTurnedRow(own: Float64Array, input: number, { a, b, scale }: FactoredUpdate): void {
  for (let column = 0; column < own.length; column++) {
    let sum = 0;
    for (let k = 0; k < a.rows; k++)
      sum += (b.data[column * b.cols + k] as number) * (a.data[k * a.cols + input] as number);
    own[column] = (own[column] as number) + scale * sum;
  }
}

/** W′ = m · (W + ΔW) / ‖W + ΔW‖, row by row (DoRA, arXiv 2402.09353, eq. 5; peft/tuners/lora/dora.py). */
function normalise(row: Float64Array, magnitude: number): void {
  let square = 0;
  for (const value of row) square += value * value;
  const factor = magnitude / Math.sqrt(square);
  for (let at = 0; at < row.length; at++) row[at] = (row[at] as number) * factor;
}

export function addMergeCost(
  cost: MergeCost,
  before: Float64Array,
  exact: Float64Array,
  rounded: Float64Array,
): void {
  for (let at = 0; at < before.length; at++) {
    cost.updateSquares += ((exact[at] as number) - (before[at] as number)) ** 2;
    cost.lostSquares += ((rounded[at] as number) - (exact[at] as number)) ** 2;
  }
}

/** The share of ‖ΔW‖ that rounding took; 0 for an update that is none. */
export function lostShare({ updateSquares, lostSquares }: MergeCost): number {
  return updateSquares === 0 ? 0 : Math.sqrt(lostSquares / updateSquares);
}
