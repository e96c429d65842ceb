import type { ByteRegion } from "../../bytes/byteRegion";
import type { ByteSource } from "../../bytes/byteSource";
import { CheckpointError } from "../../problem/checkpointError";
import { formatBytes } from "../../text/quantities";
import { ChunkedSource, type ChunkGrid } from "../chunks/chunkedSource";
import { type ChunkedData, readChunkIndex } from "./chunkIndex";
import type { FilterStep } from "./dataset";
import { undoFilters } from "./filters";
import { Hdf5File, type Hdf5Widths } from "./hdf5File";

/** What it takes to find the structures of a file again when its values are wanted. */
export interface Hdf5Place {
  readonly widths: Hdf5Widths;
  readonly base: number;
  /** The file itself where it lies in another one. */
  readonly outer: ByteRegion | undefined;
}

/** The values of a chunked dataset; where its chunks are is looked up when they are first wanted. */
export class ChunkedRegion implements ByteRegion {
  readonly size: number;
  readonly fileOffset: number;
  private readonly chunkBytes: number;

  constructor(
    private readonly place: Hdf5Place,
    private readonly data: ChunkedData,
    private readonly steps: readonly FilterStep[],
    private readonly fill: Uint8Array | undefined,
  ) {
    const { shape, itemBytes, layout } = data;
    this.size = shape.reduce((product, size) => product * size, itemBytes);
    this.chunkBytes = layout.chunkShape.reduce((product, size) => product * size, itemBytes);
    this.fileOffset = (place.outer?.fileOffset ?? 0) + place.base + (layout.address ?? 0);
  }

  async open(outerFile: ByteSource, signal?: AbortSignal): Promise<ByteSource> {
    const { widths, base, outer } = this.place;
    const source = outer === undefined ? outerFile : await outer.open(outerFile, signal);
    const places = await readChunkIndex(new Hdf5File(source, widths, base, signal), this.data);
    const { shape, itemBytes, layout } = this.data;
    const grid: ChunkGrid = { shape, chunkShape: layout.chunkShape, itemBytes, fill: this.fill };
    return new ChunkedSource(grid, async (number, readSignal) => {
      const place = places.get(number);
      if (place === undefined) return undefined;
      const start = base + place.address;
      if (!Number.isSafeInteger(start + place.size) || start + place.size > source.size) {
        const message = `Chunk ${number} with ${formatBytes(place.size)} should stand at byte ${start}, beyond the end of the file.`;
        throw new CheckpointError("ChunkBeyondEnd", message, Math.min(start, source.size));
      }
      if (place.size > 2 * this.chunkBytes + 65_536) {
        const message = `Chunk ${number} claims ${formatBytes(place.size)} for values of ${formatBytes(this.chunkBytes)}.`;
        throw new CheckpointError("DamagedChunk", message, start);
      }
      const stored = await source.read(start, place.size, readSignal);
      const steps = layout.edgesUnfiltered && this.isEdge(number) ? [] : this.steps;
      return this.undo(stored, steps, place.mask, number, start);
    });
  }

  get heldBytes(): number {
    return this.chunkBytes + (this.place.outer?.heldBytes ?? 0);
  }

  private async undo(
    stored: Uint8Array,
    steps: readonly FilterStep[],
    mask: number,
    number: number,
    start: number,
  ) {
    try {
      return await undoFilters(stored, steps, mask, this.chunkBytes);
    } catch (error) {
      if (!(error instanceof CheckpointError)) throw error;
      throw new CheckpointError(error.code, `Chunk ${number} at byte ${start}: ${error.message}`, start);
    }
  }

  private isEdge(number: number): boolean {
    const { shape, layout } = this.data;
    let rest = number;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const [size, side] = [shape[axis] as number, layout.chunkShape[axis] as number];
      const count = Math.ceil(size / side);
      if (((rest % count) + 1) * side > size) return true;
      rest = Math.floor(rest / count);
    }
    return false;
  }
}
