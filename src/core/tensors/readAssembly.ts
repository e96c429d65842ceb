import type { ByteSource } from "../bytes/byteSource";
import { mapParallel } from "../bytes/mapParallel";
import { CheckpointError } from "../problem/checkpointError";
import { type Assembly, describePlace, type TensorPiece } from "./assembly";
import { elementBytesOf } from "./dtype";
import { fillRange, PieceMap, placeRuns } from "./pieceCopies";
import type { Tensor } from "./tensor";

/** Opens the bytes that hold a piece. @throws CheckpointError where there are none. */
export type OpenPiece = (piece: TensorPiece) => Promise<ByteSource>;

/** Pieces that are read at once: a network disk answers late, and each holds no more than the range asked for. */
const parallelPieces = 4;

const maps = new WeakMap<Assembly, PieceMap>();

/** Where the pieces of a tensor lie in it. Kept, because it is asked for each range that is read. */
function pieceMapOf({ shape }: Tensor, assembly: Assembly): PieceMap {
  const known = maps.get(assembly);
  if (known !== undefined) return known;
  const map = new PieceMap(
    assembly.pieces.map(({ place }) => place),
    shape,
  );
  maps.set(assembly, map);
  return map;
}

/** What is unpacked for the first `length` bytes of a tensor and held; 0 where reads take only what they ask for. */
export function heldBytes(tensor: Tensor, length: number): number {
  const { layout, assembly, dtype } = tensor;
  if (assembly === undefined) return layout?.storage.region?.heldBytes ?? 0;
  if (assembly.fault !== undefined) return 0;
  const end = Math.ceil(length / (elementBytesOf(dtype) ?? 1));
  const touched = pieceMapOf(tensor, assembly).copies(0, end);
  return touched.reduce((sum, { piece }) => sum + (assembly.pieces[piece]?.region.heldBytes ?? 0), 0);
}

/**
 * Bytes `offset` to `offset + length` of a tensor that is made of pieces. Reads of those pieces alone that hold some
 * of them, each in one read.
 * @throws CheckpointError where a part of the range is missing.
 */
export async function readAssembly(
  tensor: Tensor,
  assembly: Assembly,
  offset: number,
  length: number,
  open: OpenPiece,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  if (offset < 0 || offset + length > tensor.byteSize) {
    throw new RangeError(`Bytes ${offset} to ${offset + length} lie outside of the tensor.`);
  }
  if (length === 0) return new Uint8Array();
  if (assembly.fault !== undefined) throw new CheckpointError("FaultyPieces", `${assembly.fault}.`);
  const width = elementBytesOf(tensor.dtype);
  if (width === undefined) {
    throw new CheckpointError("UnknownDtype", `The size of a value of ${tensor.dtype} is not known.`);
  }
  const first = Math.floor(offset / width);
  const end = Math.ceil((offset + length) / width);
  const copies = pieceMapOf(tensor, assembly).copies(first, end);
  const pieceOf = (index: number) => assembly.pieces[index] as TensorPiece;
  for (const { piece } of copies) {
    const { absent, place } = pieceOf(piece);
    if (absent === undefined) continue;
    throw new CheckpointError("MissingPiece", `${describePlace(place, tensor.shape)}: ${absent}.`);
  }
  if (!fillRange(copies, end - first, assembly.isUnchecked === true)) {
    const message = `The pieces do not hold each of elements ${first} to ${end - 1} once.`;
    throw new CheckpointError("MissingPiece", message);
  }
  const target = new Uint8Array((end - first) * width);
  await mapParallel(copies, parallelPieces, async (copy) => {
    const piece = pieceOf(copy.piece);
    const source = await open(piece);
    const from = (piece.start + copy.source) * width;
    if (from + copy.count * width > source.size) {
      const message = `${describePlace(piece.place, tensor.shape)}: the file ends before its last byte.`;
      throw new CheckpointError("PieceCut", message, piece.region.fileOffset);
    }
    placeRuns(await source.read(from, copy.count * width, signal), copy, width, target);
  });
  const start = offset - first * width;
  return start === 0 && length === target.length ? target : target.slice(start, start + length);
}
