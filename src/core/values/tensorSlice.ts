/** Two axes of a tensor laid out as rows and columns, at fixed places of all others. */
export interface TensorSlice {
  /** Undefined for a scalar, and for a vector that is laid out as one row. */
  readonly rowAxis: number | undefined;
  /** Undefined for a scalar, and for a vector whose values stand below each other. */
  readonly columnAxis: number | undefined;
  /** Per axis the index that is shown; of no meaning for the two that are laid out. */
  readonly indexes: readonly number[];
}

export interface SliceSize {
  readonly rows: number;
  readonly columns: number;
}

/** A part of a slice. */
export interface SliceBlock extends SliceSize {
  readonly row: number;
  readonly column: number;
}

/** The last two axes, at the beginning of all others. */
export function firstSlice(shape: readonly number[]): TensorSlice {
  const axes = shape.length;
  return {
    rowAxis: axes === 0 ? undefined : Math.max(0, axes - 2),
    columnAxis: axes < 2 ? undefined : axes - 1,
    indexes: shape.map(() => 0),
  };
}

export function sliceSize(shape: readonly number[], { rowAxis, columnAxis }: TensorSlice): SliceSize {
  const sizeOf = (axis: number | undefined) => (axis === undefined ? 1 : (shape[axis] ?? 1));
  return { rows: sizeOf(rowAxis), columns: sizeOf(columnAxis) };
}

/** A slice that was meant for another shape, as after a file has changed, becomes the first one. */
export function fittingSlice(shape: readonly number[], slice: TensorSlice | undefined): TensorSlice {
  return slice !== undefined && fits(shape, slice) ? slice : firstSlice(shape);
}

function fits(shape: readonly number[], { rowAxis, columnAxis, indexes }: TensorSlice): boolean {
  if (indexes.length !== shape.length) return false;
  const laidOut = [rowAxis, columnAxis].filter((axis) => axis !== undefined);
  if (new Set(laidOut).size !== Math.min(2, shape.length)) return false;
  if (laidOut.some((axis) => shape[axis] === undefined)) return false;
  return indexes.every((index, axis) => {
    const size = shape[axis] as number;
    return laidOut.includes(axis) || (Number.isInteger(index) && index >= 0 && index < size);
  });
}

/** Axes of which one index is shown. */
export function fixedAxes(shape: readonly number[], { rowAxis, columnAxis }: TensorSlice): readonly number[] {
  return [...shape.keys()].filter((axis) => axis !== rowAxis && axis !== columnAxis);
}

export function transposed(slice: TensorSlice): TensorSlice {
  return { ...slice, rowAxis: slice.columnAxis, columnAxis: slice.rowAxis };
}

/** Puts an axis in the place of another one; where that was laid out too, the two change places. */
export function withAxis(slice: TensorSlice, place: "rowAxis" | "columnAxis", axis: number): TensorSlice {
  const other = place === "rowAxis" ? "columnAxis" : "rowAxis";
  return slice[other] === axis
    ? { ...slice, [place]: axis, [other]: slice[place] }
    : { ...slice, [place]: axis };
}

export function withIndex(slice: TensorSlice, axis: number, index: number): TensorSlice {
  return { ...slice, indexes: slice.indexes.map((each, at) => (at === axis ? index : each)) };
}

/** Where a cell is in the tensor: an index for every axis. */
export function cellIndex(slice: TensorSlice, row: number, column: number): readonly number[] {
  return slice.indexes.map((index, axis) =>
    axis === slice.rowAxis ? row : axis === slice.columnAxis ? column : index,
  );
}

/** As in Python: "[3, :, :]"; a scalar is "[]". */
export function sliceText(slice: TensorSlice): string {
  const parts = slice.indexes.map((index, axis) =>
    axis === slice.rowAxis || axis === slice.columnAxis ? ":" : String(index),
  );
  return `[${parts.join(", ")}]`;
}
