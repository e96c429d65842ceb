import type { ReadTensorRange } from "../tensors/readTensorRange";
import { readAllValues, readValues } from "../tensors/readValues";
import { elementCount, type Tensor } from "../tensors/tensor";

/** What an adapter makes of the rows of a weight [out, in], where that depends on the weight. */
export interface RowChange {
  /** Rows are handed over in multiples of this: those that are mixed with each other. */
  readonly rowsAtOnce: number;
  /** Changes rows `first` and following in place. */
  readonly apply: (values: Float64Array, first: number) => void;
}

/** A change whose size follows without the weight's values; where it lies in the weight is not asked. */
export interface KnownChange {
  /** ‖W′ − W‖_F. */
  readonly norm: number;
}

/** Leaves every value as it is. */
export const noChange: RowChange = { rowsAtOnce: 1, apply: () => undefined };

export interface ChangeNorms {
  /** ‖W′ − W‖_F. */
  readonly norm: number;
  /** ‖W‖_F. */
  readonly baseNorm: number;
}

/** Values of a weight that are held at once: 8 MB, or 512 MB of one that is kept turned and read whole. */
const stripValues = 1024 * 1024;
export const maxTurnedValues = 64 * 1024 * 1024;

export interface WeightInBase {
  readonly weight: Tensor;
  /** The base keeps the transpose [in, out], as GPT-2's Conv1D does. */
  readonly isTurned: boolean;
}

/** Outputs and inputs of a weight; the kernel of a convolution is part of the inputs. */
export function sidesOf({ weight: { shape }, isTurned }: WeightInBase): readonly [number, number] {
  const [rows = 0, ...rest] = shape;
  return isTurned ? [elementCount(rest), rows] : [rows, elementCount(rest)];
}

/** How far a change moves a weight, which is read strip by strip. */
export async function normsOfChange(
  place: WeightInBase,
  { rowsAtOnce, apply }: RowChange,
  read: ReadTensorRange,
  signal?: AbortSignal,
): Promise<ChangeNorms> {
  const { weight, isTurned } = place;
  const [rows, columns] = sidesOf(place);
  const whole = isTurned ? turned(await readAllValues(weight, read, signal), rows, columns) : undefined;
  const step = Math.max(1, Math.floor(stripValues / Math.max(columns * rowsAtOnce, 1))) * rowsAtOnce;
  let [square, baseSquare] = [0, 0];
  for (let first = 0; first < rows; first += step) {
    signal?.throwIfAborted();
    const [from, count] = [first * columns, Math.min(step, rows - first) * columns];
    const before =
      whole?.subarray(from, from + count) ?? (await readValues(weight, from, count, read, signal));
    const after = before.slice();
    apply(after, first);
    for (let at = 0; at < count; at++) {
      const value = before[at] as number;
      const change = (after[at] as number) - value;
      baseSquare += value * value;
      square += change * change;
    }
  }
  return { norm: Math.sqrt(square), baseNorm: Math.sqrt(baseSquare) };
}

function turned(values: Float64Array, rows: number, columns: number): Float64Array {
  const result = new Float64Array(values.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++)
      result[row * columns + column] = values[column * rows + row] as number;
  }
  return result;
}
