import type { TensorPiece } from "../../tensors/assembly";
import { absentPiece } from "../../tensors/joinedTensor";
import type { FlatBuffer } from "./flatBuffer";
import { heldElements, type Partition, partitionPiece } from "./partition";

/** A parameter's place in its group's flat buffer, in elements. */
export interface FlatPlace {
  readonly offset: number;
  readonly count: number;
}

/** State that each rank keeps whole of every parameter that its partition touches, one behind the other. */
export interface WholeBuffer {
  readonly dtype: string;
  readonly partitions: readonly Partition[];
  /** By rank: the parameters that it touches, with the element at which each begins in the rank's buffer. */
  readonly starts: readonly ReadonlyMap<FlatPlace, number>[];
}

/**
 * Muon needs whole matrices: under ZeRO-1 and 2 each rank's `momentum_buffer` is as long as all parameters that its
 * partition touches, without padding, so that a parameter over a border is with both its ranks
 * (stage_1_and_2.py `get_flat_partition`). Undefined where the ranks hold another number of elements.
 * @param master how the 32-bit weights of the same group are cut
 */
export function wholeBuffer(
  { starts: cuts, sizes }: FlatBuffer,
  dtype: string,
  partitions: readonly Partition[],
  parameters: readonly FlatPlace[],
): WholeBuffer | undefined {
  const starts: ReadonlyMap<FlatPlace, number>[] = [];
  let first = 0;
  for (const [rank, partition] of partitions.entries()) {
    const from = cuts[rank] as number;
    const to = from + (sizes[rank] as number);
    const own = new Map<FlatPlace, number>();
    let length = 0;
    while (first < parameters.length && endOf(parameters[first] as FlatPlace) <= from) first++;
    for (let at = first; at < parameters.length; at++) {
      const place = parameters[at] as FlatPlace;
      if (place.offset >= to) break;
      own.set(place, length);
      length += place.count;
    }
    const held = heldElements(partition);
    if (held !== undefined && held !== length) return undefined;
    starts.push(own);
  }
  return { dtype, partitions, starts };
}

function endOf({ offset, count }: FlatPlace): number {
  return offset + count;
}

/** All of a parameter's state, from the first of its ranks that is there. */
export function wholePieces({ dtype, partitions, starts }: WholeBuffer, place: FlatPlace): TensorPiece[] {
  if (place.count === 0) return [];
  const ranks = starts.flatMap((own, rank) => (own.has(place) ? [rank] : []));
  const rank = ranks.find((each) => partitions[each]?.absent === undefined) ?? ranks[0];
  const partition = rank === undefined ? undefined : partitions[rank];
  if (rank === undefined || partition === undefined)
    return [absentPiece({ kind: "flat", first: 0, count: place.count }, 0, "no rank holds it")];
  return [partitionPiece(partition, dtype, starts[rank]?.get(place) ?? 0, 0, place.count)];
}
