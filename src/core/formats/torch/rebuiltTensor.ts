import { maxTensorAxes } from "../../problem/limits";
import { fitsStorage } from "../../tensors/readLayout";
import { elementCount, type Tensor } from "../../tensors/tensor";
import { contiguousStrides, type TensorLayout, type TensorStorage } from "../../tensors/tensorLayout";
import type { ContentValue } from "../contentValue";
import { numberOf, sequenceOf } from "../contentView";
import type { TorchDtype } from "./torchDtype";

/** A tensor as its constructor's arguments describe it; it gets its name from where it stands. */
export interface RebuiltTensor {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly byteSize: number;
  readonly layout: TensorLayout;
  /** What was set on the tensor, and may hold tensors itself: attributes of a subclass, by name. */
  readonly attributes?: ContentValue;
  /** In words, where it is more than a tensor: "sparse", "parameter", the name of a subclass. */
  readonly note?: string;
}

/** Where a view lies, in elements of its dtype. */
export interface ViewShape {
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  readonly offset: number;
}

/** Sizes or strides: whole numbers from 0. Undefined where they are not. */
export function sizesOf(value: ContentValue | undefined): readonly number[] | undefined {
  const items = sequenceOf(value);
  if (items === undefined || items.length > maxTensorAxes) return undefined;
  // As long as it will be: a list that grows makes room for seventeen.
  const sizes = new Array<number>(items.length);
  for (let axis = 0; axis < items.length; axis++) {
    const size = numberOf(items[axis]);
    if (size === undefined || !Number.isSafeInteger(size) || size < 0) return undefined;
    sizes[axis] = size;
  }
  return sizes;
}

/** A tensor as a view of a storage. A view that does not fit is kept, without bytes. */
export function viewOfStorage(
  { dtype, elementBytes, valuesPerElement }: TorchDtype,
  { shape, strides, offset }: ViewShape,
  storage: TensorStorage,
  options?: Pick<TensorLayout, "conjugate" | "negative" | "requiresGrad" | "quantisation">,
): RebuiltTensor | undefined {
  const count = elementCount(shape);
  if (!Number.isSafeInteger(count) || strides.length !== shape.length) return undefined;
  const byteSize = Math.ceil(count * elementBytes);
  // Literals, because a large model has hundreds of thousands of these.
  const plain =
    elementBytes >= 1
      ? { storage, storageOffset: offset, strides, elementBytes, elementShape: shape }
      : packedLayout(storage, Math.floor(offset * elementBytes), byteSize);
  const layout: TensorLayout = options === undefined ? plain : { ...plain, ...options };
  return {
    dtype,
    shape: valuesPerElement === 1 ? shape : withLastAxisTimes(shape, valuesPerElement),
    byteSize,
    layout: fitsStorage(layout) ? layout : { ...layout, storage: outside(storage) },
  };
}

/** Several values in a byte can only be read as they lie, so that bytes are their elements. */
function packedLayout(storage: TensorStorage, storageOffset: number, byteSize: number): TensorLayout {
  return { storage, storageOffset, strides: [1], elementBytes: 1, elementShape: [byteSize] };
}

/** As safetensors counts packed values: [2, 2] bytes of two values each are [2, 4]. */
function withLastAxisTimes(shape: readonly number[], factor: number): readonly number[] {
  return shape.map((size, axis) => (axis === shape.length - 1 ? size * factor : size));
}

function outside(storage: TensorStorage): TensorStorage {
  return {
    ...storage,
    region: undefined,
    absent: storage.absent ?? "The tensor reaches beyond the end of its storage.",
  };
}

/** A tensor that is described, but has no bytes anywhere. */
export function withoutBytes(
  { dtype, elementBytes, valuesPerElement }: TorchDtype,
  shape: readonly number[],
  absent: string,
): RebuiltTensor | undefined {
  const count = elementCount(shape);
  if (!Number.isSafeInteger(count)) return undefined;
  const byteSize = Math.ceil(count * elementBytes);
  const storage = { key: "", byteSize: 0, bigEndian: false, region: undefined, absent };
  return {
    dtype,
    shape: valuesPerElement === 1 ? shape : withLastAxisTimes(shape, valuesPerElement),
    byteSize,
    layout: {
      storage,
      storageOffset: 0,
      strides: contiguousStrides(shape),
      elementBytes: 1,
      elementShape: [byteSize],
    },
  };
}

export function toTensor({ dtype, shape, byteSize, layout }: RebuiltTensor, name: string): Tensor {
  const { storage, storageOffset, elementBytes } = layout;
  const offset = (storage.region?.fileOffset ?? 0) + storageOffset * elementBytes;
  return { name, dtype, shape, byteSize, offset, fileIndex: 0, layout };
}
