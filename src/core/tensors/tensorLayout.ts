import type { ByteRegion } from "../bytes/byteRegion";
import type { Tensor } from "./tensor";

/** A block of memory that tensors are views of. Tensors that share memory share the object. */
export interface TensorStorage {
  /** What the file calls it. */
  readonly key: string;
  readonly byteSize: number;
  readonly bigEndian: boolean;
  /** Undefined where there are no bytes; `absent` says why. */
  readonly region: ByteRegion | undefined;
  readonly absent?: string;
}

/** Why there are no bytes of a tensor that was saved before its values were made. */
export const metaReason = "A meta tensor has a shape, but no values.";

/** How a tensor lies in its storage, where that is more than plain bytes from an offset on. */
export interface TensorLayout {
  readonly storage: TensorStorage;
  /** In elements. */
  readonly storageOffset: number;
  /** Elements from one index to the next, for each axis. */
  readonly strides: readonly number[];
  readonly elementBytes: number;
  /** In elements as the storage counts them; a packed dtype has more values than elements. */
  readonly elementShape: readonly number[];
  /** The values are those of the storage, conjugated. */
  readonly conjugate?: boolean;
  /** The values are those of the storage, negated. */
  readonly negative?: boolean;
  readonly requiresGrad?: boolean;
  readonly quantisation?: Quantisation;
  /** Not a view of the storage: values at given indices, zero elsewhere. */
  readonly sparse?: SparseLayout;
}

/** value = (q - zeroPoint) · scale */
export type Quantisation =
  | { readonly scheme: "per-tensor"; readonly scale: number; readonly zeroPoint: number }
  | {
      readonly scheme: "per-channel";
      readonly axis: number;
      readonly scales: Tensor | undefined;
      readonly zeroPoints: Tensor | undefined;
    };

export interface SparseLayout {
  readonly kind: "coo" | "csr" | "csc";
  /** coo: one tensor [axes, count]. csr and csc: compressed and plain indices. */
  readonly indices: readonly Tensor[];
  readonly values: Tensor;
}

/** Strides of a tensor without gaps, last axis fastest. */
export function contiguousStrides(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = stride;
    stride *= Math.max(1, shape[axis] as number);
  }
  return strides;
}

/** The elements follow each other as they do in a file of their own. Strides of axes of one element mean nothing. */
export function isContiguous(shape: readonly number[], strides: readonly number[]): boolean {
  if (shape.includes(0)) return true;
  let expected = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const size = shape[axis] as number;
    if (size !== 1 && strides[axis] !== expected) return false;
    expected *= size;
  }
  return true;
}

/** Elements of storage that a view reaches, from its offset on; 0 for an empty one. */
export function reach(shape: readonly number[], strides: readonly number[]): number {
  if (shape.includes(0)) return 0;
  return shape.reduce((sum, size, axis) => sum + (size - 1) * (strides[axis] as number), 1);
}
