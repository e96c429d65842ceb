import type { TensorPiece } from "../../tensors/assembly";
import { absentPiece, joinedTensor } from "../../tensors/joinedTensor";
import { pieceOfTensor } from "../../tensors/pieceOfTensor";
import { elementCount, type Tensor } from "../../tensors/tensor";
import type { SplitRule } from "./splitRules";

/** What one tensor-parallel rank has of a parameter. */
export interface Slice {
  readonly fileIndex: number;
  /** Undefined where the rank's file is missing or does not hold it. */
  readonly tensor: Tensor | undefined;
  /** A clause without a full stop. */
  readonly absent?: string;
}

/** Why slices of one parameter cannot be put together. A clause without a full stop. */
export interface CannotJoin {
  readonly reason: string;
}

/** Puts the slices of all tensor-parallel ranks together, in the order of the ranks. */
export function joinSlices(
  name: string,
  slices: readonly Slice[],
  rule: Exclude<SplitRule, "whole">,
): Tensor | CannotJoin {
  const known = slices.find(({ tensor }) => tensor !== undefined)?.tensor;
  if (known === undefined) return { reason: "no rank holds it" };
  const axis = rule === "columns" ? 1 : 0;
  if (known.shape.length <= axis) return { reason: `it has ${known.shape.length} axes` };
  for (const { tensor } of slices) {
    if (tensor === undefined) continue;
    if (tensor.dtype !== known.dtype) return { reason: "its ranks keep it in different dtypes" };
    const isAlike =
      tensor.shape.length === known.shape.length &&
      tensor.shape.every((size, at) => at === axis || size === known.shape[at]);
    if (!isAlike) return { reason: "the shapes of its ranks do not fit together" };
  }
  // A rank that is missing is taken to have as much as the others.
  const sizes = slices.map(({ tensor }) => (tensor ?? known).shape[axis] as number);
  const total = sizes.reduce((sum, size) => sum + size, 0);
  if (rule === "two-part-rows" && sizes.some((size) => size % 2 !== 0))
    return { reason: "its rows are not of two halves" };
  const shape = known.shape.map((size, at) => (at === axis ? total : size));
  const pieces: TensorPiece[] = [];
  let before = 0;
  for (const [rank, slice] of slices.entries()) {
    const size = sizes[rank] as number;
    const box = (offset: number, length: number, start: number) =>
      pieces.push(piece(slice, shape, { axis, offset, length, start }));
    if (rule === "two-part-rows") {
      box(before / 2, size / 2, 0);
      box((total + before) / 2, size / 2, size / 2);
    } else box(before, size, 0);
    before += size;
  }
  return joinedTensor(name, known.dtype, shape, pieces);
}

function piece(
  { fileIndex, tensor, absent }: Slice,
  shape: readonly number[],
  part: { readonly axis: number; readonly offset: number; readonly length: number; readonly start: number },
): TensorPiece {
  const place = {
    kind: "box" as const,
    offsets: shape.map((_, axis) => (axis === part.axis ? part.offset : 0)),
    sizes: shape.map((size, axis) => (axis === part.axis ? part.length : size)),
  };
  if (tensor === undefined)
    return absentPiece(place, fileIndex, absent ?? "the rank's file does not hold it");
  // Rows follow each other in the slice; of columns the whole slice is one piece.
  return pieceOfTensor(tensor, fileIndex, place, part.start * elementCount(shape.slice(part.axis + 1)));
}
