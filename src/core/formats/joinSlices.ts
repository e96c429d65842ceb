import type { TensorPiece } from "../tensors/assembly";
import { absentPiece, joinedTensor } from "../tensors/joinedTensor";
import { pieceOfTensor } from "../tensors/pieceOfTensor";
import { elementCount, type Tensor } from "../tensors/tensor";

/** How a parameter is cut over tensor-parallel ranks. */
export interface Cut {
  readonly axis: number;
  /**
   * Parts that each rank has a slice of, as the gate and the projection of a gated MLP: their number, where they are of
   * one size; else the sizes of the slices of each part, by rank. Undefined for one part.
   */
  readonly parts?: number | readonly (readonly number[])[];
  /** Rows that count: what follows pads the vocabulary to a multiple of the ranks. */
  readonly rows?: number;
}

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

/** Parts that are not the first axis' are a piece for each row; beyond so many a tensor is left apart. */
const maxPieces = 65_536;

/** Puts the slices of all tensor-parallel ranks together, in the order of the ranks. */
export function joinSlices(name: string, slices: readonly Slice[], cut: Cut): Tensor | CannotJoin {
  const { axis } = cut;
  const known = slices.find(({ tensor }) => tensor !== undefined)?.tensor;
  if (known === undefined) return { reason: "no rank holds it" };
  if (known.shape.length <= axis) return { reason: `it has ${known.shape.length} axes` };
  for (const { tensor } of slices) {
    if (tensor === undefined) continue;
    if (tensor.dtype !== known.dtype) return { reason: "its ranks keep it in different dtypes" };
    const isAlike =
      tensor.shape.length === known.shape.length &&
      tensor.shape.every((size, at) => at === axis || size === known.shape[at]);
    if (!isAlike) return { reason: "the shapes of its ranks do not fit together" };
    if (tensor.assembly?.fault !== undefined) return { reason: tensor.assembly.fault };
  }
  const widths = widthsOf(slices, known, cut);
  if ("reason" in widths) return widths;
  const sumAt = (rank: number) => widths.reduce((sum, own) => sum + (own[rank] as number), 0);
  const total = slices.reduce((sum, _, rank) => sum + sumAt(rank), 0);
  const rows = axis === 0 ? Math.min(total, cut.rows ?? total) : (known.shape[0] as number);
  const shape = known.shape.map((size, at) => (at === axis ? total : size));
  const pieces: TensorPiece[] = [];
  let offset = 0;
  const before = slices.map(() => 0);
  for (const part of widths) {
    for (const [rank, slice] of slices.entries()) {
      const length = part[rank] as number;
      const own = known.shape.map((size, at) => (at === axis ? sumAt(rank) : size));
      const from = before[rank] as number;
      pieces.push(...partPieces(slice, own, { axis, from, length, offset }));
      if (pieces.length > maxPieces) return { reason: "it would be of too many pieces" };
      before[rank] = from + length;
      offset += length;
    }
  }
  const whole = axis === 0 ? [rows, ...shape.slice(1)] : shape;
  const kept = rows === total || axis !== 0 ? pieces : cutOff(pieces, elementCount(whole));
  return joinedTensor(name, known.dtype, whole, kept);
}

/** Sizes along the axis: of each part, by rank. A rank that is missing is taken to have as much as the others. */
function widthsOf(
  slices: readonly Slice[],
  known: Tensor,
  { axis, parts = 1 }: Cut,
): readonly (readonly number[])[] | CannotJoin {
  const sizes = slices.map(({ tensor }) => (tensor ?? known).shape[axis] as number);
  if (typeof parts === "number") {
    return sizes.some((size) => size % parts !== 0)
      ? { reason: `what a rank has of it is not of ${parts} parts` }
      : Array.from({ length: parts }, () => sizes.map((size) => size / parts));
  }
  const fits = slices.every(
    ({ tensor }, rank) =>
      tensor === undefined || parts.reduce((sum, own) => sum + (own[rank] ?? -1), 0) === sizes[rank],
  );
  return fits && parts.every((own) => own.length === slices.length)
    ? parts
    : { reason: "what is told of its parts does not fit its shapes" };
}

interface PartOfSlice {
  readonly axis: number;
  /** Of the slice, along the axis. */
  readonly from: number;
  readonly length: number;
  /** Where that belongs in the whole. */
  readonly offset: number;
}

/** Elements that follow each other in the slice, and in what holds them. */
interface Run {
  readonly first: number;
  readonly count: number;
  readonly place: (place: TensorPiece["place"], start: number) => TensorPiece;
}

/** A part of a slice, in the whole: along the first axis as flat ranges, along others as boxes. */
function partPieces(
  slice: Slice,
  own: readonly number[],
  { axis, from, length, offset }: PartOfSlice,
): TensorPiece[] {
  const width = own[axis] as number;
  const inner = elementCount(own.slice(axis + 1));
  // All of the slice follows each other, as do rows; of other parts each row does.
  const outer = length === width ? 1 : elementCount(own.slice(0, axis));
  const span = length === width ? elementCount(own) : length * inner;
  const pieces: TensorPiece[] = [];
  for (let at = 0; at < outer && pieces.length <= maxPieces; at++) {
    const start = length === width ? 0 : (at * width + from) * inner;
    for (const run of runsOf(slice, own)) {
      const first = Math.max(start, run.first);
      const end = Math.min(start + span, run.first + run.count);
      if (end <= first) continue;
      if (axis === 0) {
        const place = { kind: "flat" as const, first: first + (offset - from) * inner, count: end - first };
        pieces.push(run.place(place, first - run.first));
        continue;
      }
      for (const { offsets, sizes, start: boxStart } of boxesOf(own, first, end)) {
        const moved = offsets.map((each, at) => (at === axis ? each + offset - from : each));
        pieces.push(run.place({ kind: "box", offsets: moved, sizes }, boxStart - run.first));
      }
    }
  }
  return pieces;
}

function runsOf({ tensor, fileIndex, absent }: Slice, own: readonly number[]): readonly Run[] {
  if (tensor === undefined) {
    const place = (where: TensorPiece["place"]) =>
      absentPiece(where, fileIndex, absent ?? "the rank's file does not hold it");
    return [{ first: 0, count: elementCount(own), place }];
  }
  if (tensor.assembly === undefined) {
    const place = (where: TensorPiece["place"], start: number) =>
      pieceOfTensor(tensor, fileIndex, where, start);
    return [{ first: 0, count: elementCount(own), place }];
  }
  return tensor.assembly.pieces.flatMap((piece) =>
    piece.place.kind === "flat"
      ? [
          {
            first: piece.place.first,
            count: piece.place.count,
            place: (place: TensorPiece["place"], start: number) => ({
              ...piece,
              place,
              start: piece.start + start,
            }),
          },
        ]
      : [],
  );
}

/** A range of the row-major order as boxes, each with the place of its first element: no more than two for an axis. */
export function boxesOf(shape: readonly number[], first: number, end: number) {
  const [size = 1, ...rest] = shape;
  const row = elementCount(rest);
  const boxes: { offsets: readonly number[]; sizes: readonly number[]; start: number }[] = [];
  let at = first;
  while (at < end) {
    const index = Math.min(size - 1, Math.floor(at / row));
    const rows = at === index * row ? Math.floor((end - at) / row) : 0;
    if (rows > 0) {
      boxes.push({ offsets: [index, ...rest.map(() => 0)], sizes: [rows, ...rest], start: at });
      at += rows * row;
      continue;
    }
    const stop = Math.min(end, (index + 1) * row);
    for (const { offsets, sizes, start } of boxesOf(rest, at - index * row, stop - index * row)) {
      boxes.push({ offsets: [index, ...offsets], sizes: [1, ...sizes], start: start + index * row });
    }
    at = stop;
  }
  return boxes;
}

/** Flat pieces without what lies behind an element. */
function cutOff(pieces: readonly TensorPiece[], count: number): TensorPiece[] {
  return pieces.flatMap((piece) => {
    const { place } = piece;
    if (place.kind !== "flat" || place.first >= count) return [];
    return [{ ...piece, place: { ...place, count: Math.min(place.count, count - place.first) } }];
  });
}
