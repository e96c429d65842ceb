import { type ByteRegion, FileRegion } from "../bytes/byteRegion";
import { type ByteSource, MemoryByteSource } from "../bytes/byteSource";
import { CheckpointError } from "../problem/checkpointError";
import { maxDenseBytes } from "../problem/limits";
import { formatBytes } from "../text/quantities";
import type { PiecePlace, TensorPiece } from "./assembly";
import { readLayout } from "./readLayout";
import type { Tensor } from "./tensor";
import { isContiguous, type TensorLayout } from "./tensorLayout";

/**
 * A tensor of one file, or a part of it, as a piece of a larger one.
 * @param start elements of the tensor that come before the piece's first.
 */
export function pieceOfTensor(tensor: Tensor, fileIndex: number, place: PiecePlace, start = 0): TensorPiece {
  const { layout, offset, byteSize } = tensor;
  if (layout === undefined) return { place, fileIndex, region: new FileRegion(offset, byteSize), start };
  const { storage, storageOffset } = layout;
  if (storage.region === undefined) {
    const absent = (storage.absent ?? "The file does not hold them.").replace(/\.$/, "");
    return { place, fileIndex, region: new FileRegion(0, 0), start, absent };
  }
  if (isPlain(layout)) return { place, fileIndex, region: storage.region, start: storageOffset + start };
  return { place, fileIndex, region: new LayoutRegion(tensor, layout), start, inMemory: true };
}

/** The storage's own bytes are the tensor's, in its order. */
export function isPlain(layout: TensorLayout): boolean {
  const { storage, sparse, conjugate, negative, elementShape, strides } = layout;
  if (storage.bigEndian || sparse !== undefined || conjugate === true || negative === true) return false;
  return isContiguous(elementShape, strides);
}

/** A tensor that does not lie in its own order, put in order in memory. */
export class LayoutRegion implements ByteRegion {
  readonly fileOffset: number;
  readonly size: number;

  constructor(
    private readonly tensor: Tensor,
    private readonly layout: TensorLayout,
  ) {
    this.fileOffset = tensor.offset;
    this.size = tensor.byteSize;
  }

  async open(file: ByteSource, signal?: AbortSignal): Promise<ByteSource> {
    const { tensor, layout, size } = this;
    if (size > maxDenseBytes) {
      const message = `The piece of ${formatBytes(size)} does not lie in its order; up to ${formatBytes(maxDenseBytes)} are put in order.`;
      throw new CheckpointError("PieceTooLarge", message, this.fileOffset);
    }
    const bytes = await readLayout(
      tensor,
      layout,
      0,
      size,
      async ({ region, absent }) => {
        if (region === undefined) throw new CheckpointError("NoBytes", absent ?? "The bytes are not there.");
        return region.open(file, signal);
      },
      signal,
    );
    return new MemoryByteSource(bytes);
  }
}
