import type { Problem } from "../../problem/problem";
import type { TensorPiece } from "../../tensors/assembly";
import { absentPiece, joinedTensor } from "../../tensors/joinedTensor";
import { elementCount } from "../../tensors/tensor";
import { formatCount } from "../../text/quantities";
import {
  dtypeOf,
  type JoinedParameter,
  type LoadedRank,
  momentKeys,
  momentName,
  partitionOf,
} from "./joinedParameter";
import type { ParameterShapes } from "./modelStates";
import { type Partition, partitionPiece } from "./partition";
import { partitionSize } from "./zeroRank";

/** A parameter and where each rank keeps its part: in which sub-group, from which element on. */
interface Placed {
  readonly name: string;
  readonly shape: readonly number[];
  readonly group: number;
  readonly offset: number;
  /** Elements of the part of a rank, with the padding of the last. */
  readonly part: number;
  /** The lists of parameters do not tell where sub-groups end: a part may go on in the next. */
  readonly spills: boolean;
}

/**
 * Joins the partitions of ZeRO-3: every rank holds an equal part of each parameter, one behind the other in the order
 * of the parameters (runtime/zero/stage3.py).
 * @param ranks all ranks that there should be, in order, with those whose file is missing
 */
export function joinPartitioned(
  ranks: readonly LoadedRank[],
  shapes: readonly ParameterShapes[],
  report: (problem: Problem) => void,
): JoinedParameter[] {
  const sizes = groupSizes(ranks);
  const placed = place(shapes, sizes, ranks.length);
  reportSizes(placed, sizes, report);
  const keys = sizes.map((_, group) => momentKeys(ranks, group));
  const partitionsOf = new Map<string, readonly Partition[]>();
  const partitions = (group: number, key: string | undefined): readonly Partition[] => {
    const id = `${group} ${key ?? ""}`;
    const known = partitionsOf.get(id);
    if (known !== undefined) return known;
    const made = ranks.map((rank) => partitionOf(rank, group, key));
    partitionsOf.set(id, made);
    return made;
  };
  return placed.map((parameter) => {
    const { name, shape, group } = parameter;
    const tensorOf = (key: string | undefined) => {
      const dtype = dtypeOf(partitions(group, key)) ?? "F32";
      const pieces = isOtherwise(ranks, group)
        ? [absentPiece({ kind: "flat", first: 0, count: elementCount(shape) }, 0, otherwise)]
        : piecesOf(parameter, sizes, dtype, (at) => partitions(at, key));
      return joinedTensor(key === undefined ? name : momentName(name, key), dtype, shape, pieces);
    };
    return {
      name,
      shape,
      group,
      master: tensorOf(undefined),
      moments: new Map((keys[group] ?? []).map((key) => [key, tensorOf(key)])),
    };
  });
}

const otherwise = "it is partitioned over other processes than the rest, which is not joined";

/** Experts of AutoEP have processes of their own; which of them holds which part is not told by its rank. */
function isOtherwise(ranks: readonly LoadedRank[], group: number): boolean {
  const count = ranks.find(({ state }) => state !== undefined)?.state?.groups[group]?.partitionCount;
  return count !== undefined && count !== ranks.length;
}

/** Elements that each rank holds of a sub-group, by the first rank that is there. */
function groupSizes(ranks: readonly LoadedRank[]): readonly number[] {
  const state = ranks.find((rank) => rank.state !== undefined)?.state;
  return state?.groups.map(({ master }) => partitionSize(master)) ?? [];
}

/** One list of shapes a sub-group in newer versions; a single one for all in older ones. */
function place(shapes: readonly ParameterShapes[], sizes: readonly number[], ranks: number): Placed[] {
  const isByGroup = shapes.length === sizes.length;
  const placed: Placed[] = [];
  let group = 0;
  let offset = 0;
  for (const [index, parameters] of shapes.entries()) {
    if (isByGroup) {
      group = index;
      offset = 0;
    }
    for (const [name, shape] of parameters) {
      const part = Math.ceil(elementCount(shape) / ranks);
      while (!isByGroup && group + 1 < sizes.length && part > 0 && offset >= (sizes[group] as number)) {
        offset -= sizes[group] as number;
        group++;
      }
      placed.push({ name, shape, group, offset, part, spills: !isByGroup });
      offset += part;
    }
  }
  return placed;
}

function piecesOf(
  { shape, group, offset, part, spills }: Placed,
  sizes: readonly number[],
  dtype: string,
  partitions: (group: number) => readonly Partition[],
): TensorPiece[] {
  const total = elementCount(shape);
  const pieces: TensorPiece[] = [];
  const ranks = partitions(group).length;
  for (let rank = 0; rank < ranks && rank * part < total; rank++) {
    const first = rank * part;
    const count = Math.min(part, total - first);
    let taken = 0;
    let at = group;
    let start = offset;
    while (taken < count) {
      const left =
        spills && at + 1 < sizes.length ? Math.max(0, (sizes[at] as number) - start) : count - taken;
      const length = Math.min(left, count - taken);
      if (length > 0)
        pieces.push(partitionPiece(partitions(at)[rank] as Partition, dtype, start, first + taken, length));
      taken += length;
      at++;
      start = 0;
    }
  }
  return pieces;
}

function reportSizes(
  placed: readonly Placed[],
  sizes: readonly number[],
  report: (problem: Problem) => void,
): void {
  const held = sizes.reduce((sum, size) => sum + size, 0);
  const needed = placed.reduce((sum, { part }) => sum + part, 0);
  if (held === needed || sizes.length === 0) return;
  const message = `Each rank holds ${formatCount(held)} values, its parts of the parameters have ${formatCount(needed)}.`;
  const isShort = held < needed;
  const more = isShort ? " The files may come from different saves." : " What they hold beyond is not shown.";
  report({
    severity: isShort ? "error" : "warning",
    code: isShort ? "ShortPartitions" : "PartitionSizes",
    message: message + more,
  });
}
