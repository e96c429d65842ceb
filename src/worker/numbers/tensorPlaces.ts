import { startInFile } from "../../core/bytes/byteRange";
import type { Files } from "../../core/bytes/files";
import { mapParallel } from "../../core/bytes/mapParallel";
import type { Checkpoint } from "../../core/checkpoint/checkpoint";
import { OpenFiles } from "../../core/checkpoint/openFiles";
import { type PiecePlace, placeCount, type TensorPiece } from "../../core/tensors/assembly";
import { elementBytesOf } from "../../core/tensors/dtype";
import { type Extent, plainExtent } from "../../core/tensors/plainExtent";
import type { Tensor } from "../../core/tensors/tensor";

/** Where a piece of a tensor lies in a file, contiguous and little-endian. */
export interface PlacedPiece {
  readonly fileIndex: number;
  readonly offset: number;
  readonly place: PiecePlace;
}

/** Finding a piece takes a small read or two. */
const parallelPieces = 16;

/** Finds where tensors lie in their files. Holds the files open that it looked into; close it when done. */
export class TensorPlaces {
  private readonly opened: OpenFiles;

  constructor(files: Files, checkpoint: Checkpoint) {
    this.opened = new OpenFiles(files, checkpoint);
  }

  /**
   * The bytes of the file that are the tensor's, as they lie there. Undefined where the tensor takes more to be
   * read, or is not whole: `TensorReader` reads it, or says why not.
   */
  async find(tensor: Tensor, options: { readonly anyOrder: boolean }): Promise<Extent | undefined> {
    const extent = plainExtent(tensor, options);
    if (extent === undefined || tensor.layout === undefined) return extent;
    const { region } = tensor.layout.storage;
    if (region === undefined) return undefined;
    try {
      const file = await this.opened.source(tensor.fileIndex);
      const storage = await this.opened.region(file, region);
      const start = startInFile(storage, file);
      if (start === undefined || extent.offset + extent.length > storage.size) return undefined;
      return { offset: start + extent.offset, length: extent.length };
    } catch {
      return undefined;
    }
  }

  /** The extents of tensors in their own order; undefined where one of them takes more to be read. */
  async findAll(tensors: readonly Tensor[]): Promise<readonly Extent[] | undefined> {
    const found = await mapParallel(tensors, parallelPieces, (tensor) =>
      this.find(tensor, { anyOrder: false }),
    );
    return found.every((extent) => extent !== undefined) ? found : undefined;
  }

  /**
   * Where the pieces of an assembled tensor lie in their files, in the order of the pieces. Undefined where one of them
   * is missing, cut or compressed.
   */
  async findPieces({ dtype, assembly }: Tensor): Promise<readonly PlacedPiece[] | undefined> {
    const width = elementBytesOf(dtype);
    if (assembly === undefined || assembly.fault !== undefined || assembly.unclaimed > 0) return undefined;
    const { pieces } = assembly;
    if (width === undefined || pieces.some(({ absent, inMemory }) => absent !== undefined || inMemory))
      return undefined;
    try {
      const placed = await mapParallel(pieces, parallelPieces, (piece) => this.placePiece(piece, width));
      return placed.every((place) => place !== undefined) ? placed : undefined;
    } catch {
      return undefined;
    }
  }

  private async placePiece(piece: TensorPiece, width: number): Promise<PlacedPiece | undefined> {
    const { fileIndex, region, start, place } = piece;
    const file = await this.opened.source(fileIndex);
    const bytes = await this.opened.region(file, region);
    const first = startInFile(bytes, file);
    const end = (start + placeCount(place)) * width;
    return first === undefined || end > bytes.size
      ? undefined
      : { fileIndex, offset: first + start * width, place };
  }

  close(): Promise<void> {
    return this.opened.close();
  }
}
