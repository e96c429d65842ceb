import type { SliceSize, TensorSlice } from "../../../src/core/values/tensorSlice";
import type { GridCell } from "../../ui/grid/gridCell";

export interface GoTo {
  readonly cell: GridCell;
  /** Set where the text names a place on every axis. */
  readonly slice?: TensorSlice;
}

/**
 * What "31999, 4095" or "[3, 12, 34]" means: a row and a column, or an index for every axis, as Python counts them,
 * from the end where they are negative. A single number is a row.
 * @returns a sentence where the text names no place.
 */
export function parseGoTo(
  text: string,
  shape: readonly number[],
  slice: TensorSlice,
  size: SliceSize,
): GoTo | string {
  const words = text
    .replaceAll(/[[\]()]/g, " ")
    .trim()
    .split(/[\s,;]+/);
  if (words.length === 1 && words[0] === "") return "Type a row and a column, such as 12, 34.";
  const numbers = words.map((word) => (/^-?\d{1,15}$/.test(word) ? Number(word) : Number.NaN));
  if (numbers.some(Number.isNaN)) return "Not a place: type whole numbers, such as 12, 34.";
  if (numbers.length === shape.length && shape.length > 2) return placeOnAllAxes(numbers, shape, slice);
  if (numbers.length > 2) return `Type a row and a column, or ${shape.length} indexes.`;
  const isRow = size.rows === 1 && size.columns > 1 && numbers.length === 1;
  const row = within(isRow ? 0 : (numbers[0] ?? 0), size.rows);
  const column = within(isRow ? (numbers[0] ?? 0) : (numbers[1] ?? 0), size.columns);
  if (row === undefined) return `There are rows 0 to ${size.rows - 1}.`;
  if (column === undefined) return `There are columns 0 to ${size.columns - 1}.`;
  return { cell: { row, column } };
}

function placeOnAllAxes(
  numbers: readonly number[],
  shape: readonly number[],
  slice: TensorSlice,
): GoTo | string {
  const indexes = numbers.map((number, axis) => within(number, shape[axis] ?? 0));
  const outside = indexes.indexOf(undefined);
  if (outside >= 0) return `Axis ${outside} has indexes 0 to ${(shape[outside] ?? 0) - 1}.`;
  const known = indexes.map((index) => index ?? 0);
  const at = (axis: number | undefined) => (axis === undefined ? 0 : (known[axis] ?? 0));
  return {
    cell: { row: at(slice.rowAxis), column: at(slice.columnAxis) },
    slice: { ...slice, indexes: known },
  };
}

function within(index: number, size: number): number | undefined {
  const counted = index < 0 ? size + index : index;
  return counted >= 0 && counted < size ? counted : undefined;
}
