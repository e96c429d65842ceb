import type { ByteRegion } from "../bytes/byteRegion";
import { formatCount, plural } from "../text/quantities";
import { elementCount, type Tensor } from "./tensor";

/** Where a piece lies in its tensor, in elements: a box, or a range of the row-major order. */
export type PiecePlace =
  | { readonly kind: "box"; readonly offsets: readonly number[]; readonly sizes: readonly number[] }
  | { readonly kind: "flat"; readonly first: number; readonly count: number };

/** A part of a tensor, as one process saved it. */
export interface TensorPiece {
  readonly place: PiecePlace;
  /** Index into the checkpoint's list of files. */
  readonly fileIndex: number;
  /** Opens to bytes of the tensor's dtype, contiguous and little-endian. Pieces of one storage share the object. */
  readonly region: ByteRegion;
  /** Elements of the region that come before the piece. */
  readonly start: number;
  /** The region is made in memory, as of a compressed one: no bytes of the file are plainly the piece's. */
  readonly inMemory?: true;
  /** Why there are no bytes: the file is missing or cut. A clause without a full stop. */
  readonly absent?: string;
}

/**
 * How a tensor is put together from pieces that lie in several places. Whatever no piece gives is missing: it is
 * neither zero nor NaN, and a tensor with a part missing has no statistics and no hash.
 */
export interface Assembly {
  /** In the order of their first elements. */
  readonly pieces: readonly TensorPiece[];
  /** Elements that no piece claims. */
  readonly unclaimed: number;
  /** There are too many pieces to compare each with each: that they do not overlap shows when they are read. */
  readonly isUnchecked?: true;
  /** Why nothing of the tensor can be trusted, as where pieces overlap. A clause without a full stop. */
  readonly fault?: string;
}

/** Each box is compared with each for overlaps up to here; of more of them the volumes must add up. */
const maxOverlapPieces = 2000;

/**
 * Puts the pieces of a tensor together and checks that they lie inside of it, fill it and do not overlap.
 * Pieces of no elements, as the last ranks of a short axis have, are left out.
 */
export function assemble(shape: readonly number[], given: readonly TensorPiece[]): Assembly {
  const total = elementCount(shape);
  const outside = given.find(({ place }) => !liesInside(place, shape));
  if (outside !== undefined) {
    const fault = `a piece at ${describePlace(outside.place, shape)} lies outside of its shape`;
    return { pieces: [], unclaimed: total, fault };
  }
  const pieces = given
    .filter(({ place }) => placeCount(place) > 0)
    .map((piece) => ({ piece, first: firstElement(piece.place, shape) }))
    .sort((a, b) => a.first - b.first)
    .map(({ piece }) => piece);
  const claimed = pieces.reduce((sum, { place }) => sum + placeCount(place), 0);
  const fault = overlapFault(pieces, shape, claimed, total);
  return {
    pieces,
    unclaimed: Math.max(0, total - claimed),
    ...(pieces.length > maxOverlapPieces ? { isUnchecked: true as const } : {}),
    ...(fault === undefined ? {} : { fault }),
  };
}

function overlapFault(
  pieces: readonly TensorPiece[],
  shape: readonly number[],
  claimed: number,
  total: number,
): string | undefined {
  if (claimed > total) {
    return `its pieces overlap: they hold ${formatCount(claimed)} elements, the tensor has ${formatCount(total)}`;
  }
  if (pieces.length > maxOverlapPieces) return undefined;
  for (const [at, piece] of pieces.entries()) {
    const end = lastElement(piece.place, shape);
    for (let other = at + 1; other < pieces.length; other++) {
      const next = pieces[other] as TensorPiece;
      if (firstElement(next.place, shape) > end) break;
      if (overlap(piece.place, next.place)) {
        return `its pieces at ${describePlace(piece.place, shape)} and ${describePlace(next.place, shape)} overlap`;
      }
    }
  }
  return undefined;
}

/** A box and a flat range of one tensor do not occur: the order of the elements tells of the flat ones alone. */
function overlap(a: PiecePlace, b: PiecePlace): boolean {
  if (a.kind === "flat" || b.kind === "flat") return true;
  return a.offsets.every((offset, axis) => {
    const other = b.offsets[axis] as number;
    return offset < other + (b.sizes[axis] as number) && other < offset + (a.sizes[axis] as number);
  });
}

/** Elements of a piece. */
export function placeCount(place: PiecePlace): number {
  return place.kind === "flat" ? place.count : elementCount(place.sizes);
}

/** The place of the first element in the row-major order of the whole. */
export function firstElement(place: PiecePlace, shape: readonly number[]): number {
  if (place.kind === "flat") return place.first;
  return place.offsets.reduce((at, offset, axis) => at * (shape[axis] as number) + offset, 0);
}

/** The place of the last element; that of the first, less one, for a piece of no elements. */
export function lastElement(place: PiecePlace, shape: readonly number[]): number {
  if (place.kind === "flat") return place.first + place.count - 1;
  if (place.sizes.includes(0)) return firstElement(place, shape) - 1;
  return place.offsets.reduce(
    (at, offset, axis) => at * (shape[axis] as number) + offset + (place.sizes[axis] as number) - 1,
    0,
  );
}

function liesInside(place: PiecePlace, shape: readonly number[]): boolean {
  if (place.kind === "flat") {
    const { first, count } = place;
    return isCount(first) && isCount(count) && first + count <= elementCount(shape);
  }
  const { offsets, sizes } = place;
  if (offsets.length !== shape.length || sizes.length !== shape.length) return false;
  return offsets.every((offset, axis) => {
    const size = sizes[axis] as number;
    return isCount(offset) && isCount(size) && offset + size <= (shape[axis] as number);
  });
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

/** "rows 4 to 7", "[0:4, 6:11]", "elements 12 to 35 (of rows 2 to 5)" */
export function describePlace(place: PiecePlace, shape: readonly number[]): string {
  if (place.kind === "flat") return describeRange(place.first, place.count, shape);
  const { offsets, sizes } = place;
  if (offsets.length === 0) return "the scalar";
  const isOfRows = sizes.every((size, axis) => axis === 0 || (offsets[axis] === 0 && size === shape[axis]));
  if (isOfRows) return range("row", offsets[0] as number, sizes[0] as number);
  return `[${offsets.map((offset, axis) => `${offset}:${offset + (sizes[axis] ?? 0)}`).join(", ")}]`;
}

/** Of a range of the row-major order, the rows that it touches. */
function describeRange(first: number, count: number, shape: readonly number[]): string {
  const rowSize = elementCount(shape.slice(1));
  if (shape.length < 2 || count === 0 || rowSize <= 1) return range("element", first, count);
  const row = Math.floor(first / rowSize);
  const rows = Math.floor((first + count - 1) / rowSize) - row + 1;
  if (row * rowSize === first && rows * rowSize === count) return range("row", row, rows);
  return `${range("element", first, count)} (of ${range("row", row, rows)})`;
}

function range(what: string, first: number, count: number): string {
  return count === 1 ? `${what} ${first}` : `${what}s ${first} to ${first + count - 1}`;
}

const maxNamedPieces = 3;

/** What of a tensor cannot be read and why; undefined where nothing is known to be missing. */
export function unreadablePart({ assembly, shape }: Tensor): string | undefined {
  if (assembly === undefined) return undefined;
  const { pieces, unclaimed, fault } = assembly;
  if (fault !== undefined) return `${fault}.`;
  const absent = pieces.filter((piece) => piece.absent !== undefined);
  if (absent.length === 0 && unclaimed === 0) return undefined;
  const told = absent
    .slice(0, maxNamedPieces)
    .map(({ place, absent: reason }) => `${describePlace(place, shape)}: ${reason}`);
  const more = absent.length - told.length;
  return `${[
    ...told,
    ...(more > 0 ? [`${more} more pieces that are not there`] : []),
    ...(unclaimed > 0 ? [`${plural(unclaimed, "element")} that no piece holds`] : []),
  ].join("; ")}.`;
}

/** Indexes of all files that hold some of a tensor, each once. */
export function filesOfTensor({ assembly, fileIndex, packed }: Tensor): readonly number[] {
  if (packed !== undefined) return [...new Set(packed.stored.flatMap(filesOfTensor))];
  if (assembly === undefined) return [fileIndex];
  return [...new Set(assembly.pieces.map((piece) => piece.fileIndex))];
}
