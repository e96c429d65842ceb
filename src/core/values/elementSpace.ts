import { UnsupportedDtypeError } from "../tensors/decode";
import type { Tensor } from "../tensors/tensor";
import { contiguousStrides, isContiguous } from "../tensors/tensorLayout";
import type { TensorSlice } from "./tensorSlice";
import { valueDtype } from "./valueDtype";

/** A slice of a tensor as places in a row of elements that can be read by range. */
export interface ElementSpace {
  /** What is read: the tensor, or all of the storage that it is a view of. */
  readonly source: Tensor;
  readonly bitsPerValue: number;
  /** Place of the cell in row 0 and column 0, and how far it is to the next row and column; in values. */
  readonly origin: number;
  readonly rowStride: number;
  readonly columnStride: number;
}

/**
 * A view is read where it lies: following its strides row by row would read all that lies between two rows once
 * for each of them.
 * @throws UnsupportedDtypeError for dtypes whose values nobody can tell.
 */
export function elementSpace(tensor: Tensor, slice: TensorSlice): ElementSpace {
  const how = valueDtype(tensor.dtype);
  if (how === undefined) throw new UnsupportedDtypeError(tensor.dtype);
  const { layout } = tensor;
  const isView =
    layout !== undefined &&
    layout.sparse === undefined &&
    !isContiguous(layout.elementShape, layout.strides) &&
    layout.elementBytes * 8 === how.bitsPerValue;
  const source = isView ? wholeStorage(tensor) : tensor;
  const strides = isView ? layout.strides : contiguousStrides(tensor.shape);
  const strideOf = (axis: number | undefined) => (axis === undefined ? 0 : (strides[axis] ?? 0));
  const origin = slice.indexes.reduce(
    (sum, index, axis) =>
      axis === slice.rowAxis || axis === slice.columnAxis ? sum : sum + index * strideOf(axis),
    isView ? layout.storageOffset : 0,
  );
  return {
    source,
    bitsPerValue: how.bitsPerValue,
    origin,
    rowStride: strideOf(slice.rowAxis),
    columnStride: strideOf(slice.columnAxis),
  };
}

/** The storage of a view as a tensor of one axis: read by range, in the view's byte order. */
function wholeStorage(tensor: Tensor): Tensor {
  const { layout } = tensor;
  if (layout === undefined) return tensor;
  const elements = Math.floor(layout.storage.byteSize / layout.elementBytes);
  return {
    ...tensor,
    shape: [elements],
    byteSize: elements * layout.elementBytes,
    layout: { ...layout, storageOffset: 0, strides: [1], elementShape: [elements] },
  };
}
