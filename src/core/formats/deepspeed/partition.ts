import type { TensorPiece } from "../../tensors/assembly";
import { absentPiece } from "../../tensors/joinedTensor";
import { pieceOfTensor } from "../../tensors/pieceOfTensor";
import { elementCount, type Tensor } from "../../tensors/tensor";

/** What one rank holds of a flat buffer, or why it holds nothing. */
export interface Partition {
  readonly fileIndex: number;
  /** Undefined where the rank's file is missing or broken, and where the rank holds no part. */
  readonly tensor: Tensor | undefined;
  /** Why there is no tensor where one should be. A clause without a full stop. */
  readonly absent?: string;
}

/** Elements that a rank holds; undefined where its file is missing. */
export function heldElements({ tensor, absent }: Partition): number | undefined {
  if (absent !== undefined) return undefined;
  return tensor === undefined ? 0 : elementCount(tensor.shape);
}

/** Elements `start` to `start + count` of a partition, as a range of a tensor that begins at `first`. */
export function partitionPiece(
  partition: Partition,
  dtype: string,
  start: number,
  first: number,
  count: number,
): TensorPiece {
  const place = { kind: "flat" as const, first, count };
  const { fileIndex, tensor } = partition;
  const absent = partition.absent ?? reasonAgainst(tensor, dtype, start + count);
  return absent !== undefined || tensor === undefined
    ? absentPiece(place, fileIndex, absent ?? "the rank holds no part of it")
    : pieceOfTensor(tensor, fileIndex, place, start);
}

function reasonAgainst(tensor: Tensor | undefined, dtype: string, end: number): string | undefined {
  if (tensor === undefined) return undefined;
  if (tensor.dtype !== dtype) return `this rank keeps it as ${tensor.dtype}, others as ${dtype}`;
  return end > elementCount(tensor.shape) ? "the rank's partition ends before" : undefined;
}
