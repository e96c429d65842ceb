import type { Tensor } from "./tensor";
import { reach } from "./tensorLayout";

/** Some bytes of a storage, or of a file where the tensor is in no storage. */
export interface Extent {
  readonly offset: number;
  readonly length: number;
}

/**
 * The bytes that are the tensor's as they lie there, little-endian and in its order. Undefined where they are not:
 * big-endian, sparse, conjugated, made of pieces, or with gaps. With `anyOrder` a permuted view (a transposed matrix) will do, whose
 * values are all there, but follow each other differently.
 */
export function plainExtent(
  tensor: Tensor,
  { anyOrder }: { readonly anyOrder: boolean },
): Extent | undefined {
  const { layout, assembly } = tensor;
  if (assembly !== undefined) return undefined;
  if (layout === undefined) return { offset: tensor.offset, length: tensor.byteSize };
  const { storage, sparse, conjugate, negative, elementShape, strides, elementBytes, storageOffset } = layout;
  if (storage.bigEndian || sparse !== undefined || conjugate === true || negative === true) return undefined;
  const order = anyOrder
    ? strides.map((_, axis) => axis).sort((a, b) => (strides[b] as number) - (strides[a] as number))
    : strides.map((_, axis) => axis);
  if (!isDense(order, elementShape, strides)) return undefined;
  const offset = storageOffset * elementBytes;
  const length = reach(elementShape, strides) * elementBytes;
  return Number.isInteger(offset) && Number.isInteger(length) ? { offset, length } : undefined;
}

/** The axes, from the outermost to the innermost, leave no gaps and visit nothing twice. */
function isDense(order: readonly number[], shape: readonly number[], strides: readonly number[]): boolean {
  if (shape.includes(0)) return true;
  let expected = 1;
  for (const axis of order.toReversed()) {
    const size = shape[axis] as number;
    if (size !== 1 && strides[axis] !== expected) return false;
    expected *= size;
  }
  return true;
}
