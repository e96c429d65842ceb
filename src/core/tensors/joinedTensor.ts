import { FileRegion } from "../bytes/byteRegion";
import { assemble, type TensorPiece } from "./assembly";
import { elementBytesOf } from "./dtype";
import { elementCount, type Tensor } from "./tensor";

/** A tensor that is made of pieces. */
export function joinedTensor(
  name: string,
  dtype: string,
  shape: readonly number[],
  pieces: readonly TensorPiece[],
): Tensor {
  const assembly = assemble(shape, pieces);
  const [first] = assembly.pieces;
  return {
    name,
    dtype,
    shape,
    byteSize: elementCount(shape) * (elementBytesOf(dtype) ?? 1),
    offset: first?.region.fileOffset ?? 0,
    fileIndex: first?.fileIndex ?? 0,
    assembly,
  };
}

const nowhere = new FileRegion(0, 0);

/** A piece that is in no file. @param absent a clause without a full stop */
export function absentPiece(place: TensorPiece["place"], fileIndex: number, absent: string): TensorPiece {
  return { place, fileIndex, region: nowhere, start: 0, absent };
}
