import { type ByteSource, checkRange } from "../../bytes/byteSource";
import { maxKeptChunkBytes } from "../../problem/limits";

/** An array that is stored in chunks of one shape; those at the ends of an axis reach beyond it. */
export interface ChunkGrid {
  readonly shape: readonly number[];
  readonly chunkShape: readonly number[];
  readonly itemBytes: number;
  /** The bytes of a value that was never written; undefined where they are zeros. */
  readonly fill: Uint8Array | undefined;
}

/** Chunks along each axis, those at the end that reach beyond it as well. */
export function chunkCounts({
  shape,
  chunkShape,
}: Pick<ChunkGrid, "shape" | "chunkShape">): readonly number[] {
  return shape.map((size, axis) => Math.ceil(size / (chunkShape[axis] as number)));
}

/** Where a chunk lies in a grid of so many along each axis. */
export function placeInGrid(number: number, counts: readonly number[]): readonly number[] {
  const at = new Array<number>(counts.length).fill(0);
  let rest = number;
  for (let axis = counts.length - 1; axis >= 0; axis--) {
    at[axis] = rest % (counts[axis] as number);
    rest = Math.floor(rest / (counts[axis] as number));
  }
  return at;
}

/** A chunk as it lies in memory, whole; undefined where it was never written. Chunks are numbered last axis fastest. */
export type ReadChunk = (number: number, signal?: AbortSignal) => Promise<Uint8Array | undefined>;

/**
 * The values of a chunked array in row-major order, as if they lay so. A read unpacks the chunks that it touches, and
 * keeps some of them for the next.
 */
export class ChunkedSource implements ByteSource {
  readonly size: number;
  /** Chunks along each axis. */
  private readonly counts: readonly number[];
  private readonly kept = new Map<number, Promise<Uint8Array | undefined>>();
  private readonly maxKept: number;

  constructor(
    private readonly grid: ChunkGrid,
    private readonly readChunk: ReadChunk,
  ) {
    const { shape, chunkShape, itemBytes } = grid;
    this.size = shape.reduce((product, size) => product * size, itemBytes);
    this.counts = chunkCounts(grid);
    const chunkBytes = chunkShape.reduce((product, size) => product * size, itemBytes);
    this.maxKept = Math.max(2, Math.floor(maxKeptChunkBytes / chunkBytes));
  }

  async read(offset: number, length: number, signal?: AbortSignal): Promise<Uint8Array> {
    checkRange(this, offset, length);
    const { itemBytes, fill } = this.grid;
    const first = Math.floor(offset / itemBytes);
    const end = Math.ceil((offset + length) / itemBytes);
    const result = new Uint8Array((end - first) * itemBytes);
    let current = -1;
    let bytes: Uint8Array | undefined;
    for (let at = first; at < end; ) {
      const { chunk, inside, run } = this.place(at);
      const count = Math.min(run, end - at);
      if (chunk !== current) {
        bytes = await this.chunk(chunk, signal);
        current = chunk;
      }
      const to = (at - first) * itemBytes;
      if (bytes !== undefined)
        result.set(bytes.subarray(inside * itemBytes, (inside + count) * itemBytes), to);
      else if (fill !== undefined)
        for (let index = 0; index < count; index++) result.set(fill, to + index * itemBytes);
      at += count;
    }
    const skipped = offset - first * itemBytes;
    return skipped === 0 && length === result.length ? result : result.slice(skipped, skipped + length);
  }

  /** The chunk of a value, its place inside, and how many of its row follow it there. */
  private place(at: number): { readonly chunk: number; readonly inside: number; readonly run: number } {
    const { shape, chunkShape } = this.grid;
    let rest = at;
    let [chunk, chunkStride, inside, insideStride, run] = [0, 1, 0, 1, 1];
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const [size, side] = [shape[axis] as number, chunkShape[axis] as number];
      const index = rest % size;
      rest = Math.floor(rest / size);
      if (axis === shape.length - 1) run = Math.min(side - (index % side), size - index);
      chunk += Math.floor(index / side) * chunkStride;
      chunkStride *= this.counts[axis] as number;
      inside += (index % side) * insideStride;
      insideStride *= side;
    }
    return { chunk, inside, run };
  }

  private async chunk(number: number, signal?: AbortSignal): Promise<Uint8Array | undefined> {
    const known = this.kept.get(number);
    if (known !== undefined) return known;
    signal?.throwIfAborted();
    const read = this.readChunk(number, signal);
    this.kept.set(number, read);
    const [oldest] = this.kept.keys();
    if (this.kept.size > this.maxKept && oldest !== undefined) this.kept.delete(oldest);
    try {
      return await read;
    } catch (error) {
      // Cancelled or damaged: the next reader sees for itself.
      this.kept.delete(number);
      throw error;
    }
  }
}
