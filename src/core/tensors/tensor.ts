import type { Assembly } from "./assembly";
import type { PackedWeight } from "./packed/packedWeight";
import type { StatedCodes } from "./packed/statedCodes";
import type { TensorLayout } from "./tensorLayout";

/** A tensor as a checkpoint's directory describes it; its bytes stay in the file. */
export interface Tensor {
  readonly name: string;
  /** Safetensors spelling, or whatever the file says where the type is unknown. */
  readonly dtype: string;
  /** Sizes of the axes, outermost first; `[]` is a scalar. */
  readonly shape: readonly number[];
  readonly byteSize: number;
  /** First byte, counted from the start of the file; with a `layout` only about where that is. */
  readonly offset: number;
  /** Index into the checkpoint's list of files. */
  readonly fileIndex: number;
  /** Set where the bytes in the file are not plainly the tensor's: a view, compressed, big-endian, absent. */
  readonly layout?: TensorLayout;
  /** Set where the tensor is made of pieces, as of a distributed checkpoint; `offset` and `fileIndex` are the first's. */
  readonly assembly?: Assembly;
  /** Set where the file says that these are codes, and of which weight. */
  readonly codes?: StatedCodes;
  /** Set where the file says that these are codes, in a way that is not read: the reason, a sentence. */
  readonly unreadCodes?: string;
  /** Set for a weight that stands for packed codes: its bytes are in no file, but made of them. `dtype` is F32 then. */
  readonly packed?: PackedWeight;
}

/** Number of elements of a shape; 1 for a scalar. */
export function elementCount(shape: readonly number[]): number {
  let product = 1;
  for (const size of shape) product *= size;
  return product;
}

/** Whether the values are not in the tensor's own bytes, but somewhere that is not read: texts, references, lost files. */
export function liesElsewhere({ byteSize, shape }: Pick<Tensor, "byteSize" | "shape">): boolean {
  return byteSize === 0 && elementCount(shape) > 0;
}

/** Bytes of a packed weight's codes, scales and whatever else it is made of. */
export function packedBytes({ stored }: Pick<PackedWeight, "stored">): number {
  return stored.reduce((sum, { byteSize }) => sum + byteSize, 0);
}

/** Bytes that are read for all of its values: `byteSize` is of what those of a packed weight are unpacked to. */
export function bytesInFiles({ byteSize, packed }: Pick<Tensor, "byteSize" | "packed">): number {
  return packed === undefined ? byteSize : packedBytes(packed);
}

export function formatShape(shape: readonly number[]): string {
  return shape.length === 0 ? "scalar" : shape.join(" × ");
}

/** The kind of a packed weight alone, such as "NF4". */
export function schemeKind({ scheme }: PackedWeight): string {
  return scheme.split(",", 1)[0] as string;
}

/** The dtype as it is stored: of a packed weight its kind, such as "NF4". */
export function storedType({ dtype, packed }: Pick<Tensor, "dtype" | "packed">): string {
  return packed === undefined ? dtype : schemeKind(packed);
}

/** Stored dtype and shape, e.g. "F32 [4096, 4096]". */
export function layoutText(tensor: Tensor): string {
  return `${storedType(tensor)} [${tensor.shape.join(", ")}]`;
}
