import type { TensorPiece } from "../../tensors/assembly";
import { joinedTensor } from "../../tensors/joinedTensor";
import { elementCount, type Tensor } from "../../tensors/tensor";
import { boxesOf } from "../joinSlices";

/** Pieces that one tensor may become; beyond that it stays as it is. */
const maxPieces = 65_536;

/**
 * An old distributed optimizer saves what a rank has of a slice as a row: the axes count the slices of the parameter, one
 * more counts the elements of a slice (strategies/torch.py, `flattened_range`). Such a tensor in the parameter's shape;
 * undefined where it is none.
 */
export function unflattened(moment: Tensor, shape: readonly number[]): Tensor | undefined {
  const { assembly, shape: grid } = moment;
  const row = grid.at(-1) ?? 0;
  const counts = grid.slice(0, -1);
  if (assembly === undefined || assembly.fault !== undefined || counts.length !== shape.length)
    return undefined;
  if (counts.some((count, axis) => count < 1 || (shape[axis] as number) % count !== 0)) return undefined;
  const slice = shape.map((size, axis) => size / (counts[axis] as number));
  if (elementCount(slice) !== row) return undefined;
  // Slices of the first axis alone follow each other.
  const isInOrder = counts.every((count, axis) => axis === 0 || count === 1);
  const pieces: TensorPiece[] = [];
  for (const piece of assembly.pieces) {
    if (piece.place.kind !== "box" || piece.place.sizes.slice(0, -1).some((size) => size !== 1))
      return undefined;
    const { offsets, sizes } = piece.place;
    const first = offsets.at(-1) as number;
    const count = sizes.at(-1) as number;
    if (isInOrder) {
      pieces.push({ ...piece, place: { kind: "flat", first: (offsets[0] as number) * row + first, count } });
      continue;
    }
    for (const box of boxesOf(slice, first, first + count)) {
      const moved = box.offsets.map((at, axis) => at + (offsets[axis] as number) * (slice[axis] as number));
      const place = { kind: "box" as const, offsets: moved, sizes: box.sizes };
      pieces.push({ ...piece, place, start: piece.start + box.start - first });
    }
    if (pieces.length > maxPieces) return undefined;
  }
  return joinedTensor(moment.name, moment.dtype, shape, pieces);
}
