import type { ByteRegion } from "../bytes/byteRegion";
import type { ByteSource, OpenByteSource } from "../bytes/byteSource";
import type { Files } from "../bytes/files";
import { CheckpointError } from "../problem/checkpointError";
import type { TensorPiece } from "../tensors/assembly";
import { readUnpacked } from "../tensors/packed/unpackedTensor";
import { readAssembly } from "../tensors/readAssembly";
import { readLayout } from "../tensors/readLayout";
import type { Tensor } from "../tensors/tensor";
import type { TensorStorage } from "../tensors/tensorLayout";
import type { Checkpoint } from "./checkpoint";

/** A tensor that the file describes, but whose bytes it does not hold, or not whole. The message says why. */
export class UnreadableTensorError extends RangeError {
  override readonly name = "UnreadableTensorError";
}

/** Reads the bytes of a checkpoint's tensors. Files are opened when first needed; close it when done. */
export class TensorReader {
  private readonly sources = new Map<number, Promise<OpenByteSource>>();
  /** Parts of files that took a header or more to find. */
  private regions = new WeakMap<ByteRegion, Promise<ByteSource>>();

  constructor(
    private readonly files: Files,
    private readonly checkpoint: Checkpoint,
  ) {}

  /**
   * The tensor's bytes, contiguous and little-endian, however they lie in the file.
   * @throws RangeError when the file does not hold them.
   */
  read(tensor: Tensor, signal?: AbortSignal): Promise<Uint8Array> {
    return this.readRange(tensor, 0, tensor.byteSize, signal);
  }

  /** Some of the tensor's bytes, `offset` counted from its first. */
  async readRange(tensor: Tensor, offset: number, length: number, signal?: AbortSignal): Promise<Uint8Array> {
    const { layout, assembly, packed } = tensor;
    if (packed !== undefined) {
      const readStored = (part: Tensor, from: number, bytes: number) =>
        this.readRange(part, from, bytes, signal);
      return readUnpacked(packed, offset, length, readStored, signal);
    }
    try {
      if (assembly !== undefined) {
        const open = async (piece: TensorPiece) =>
          this.openRegion(await this.source(piece.fileIndex), piece.region);
        return await readAssembly(tensor, assembly, offset, length, open, signal);
      }
      const source = await this.source(tensor.fileIndex);
      if (layout === undefined) return await source.read(tensor.offset + offset, length, signal);
      const open = (storage: TensorStorage) => this.open(source, storage);
      return await readLayout(tensor, layout, offset, length, open, signal);
    } catch (error) {
      throw error instanceof CheckpointError ? new UnreadableTensorError(error.message) : error;
    }
  }

  async close(): Promise<void> {
    const opened = await Promise.allSettled(this.sources.values());
    this.sources.clear();
    this.regions = new WeakMap();
    await Promise.all(
      opened.map((result) => (result.status === "fulfilled" ? result.value.close() : undefined)),
    );
  }

  /** Not cancelled by one reader's signal: the next reader of the storage wants it as well. */
  private open(file: ByteSource, { region, absent }: TensorStorage): Promise<ByteSource> {
    if (region === undefined) {
      throw new UnreadableTensorError(absent ?? "The file does not hold the tensor's bytes.");
    }
    return this.openRegion(file, region);
  }

  private openRegion(file: ByteSource, region: ByteRegion): Promise<ByteSource> {
    const known = this.regions.get(region);
    if (known !== undefined) return known;
    const opened = region.open(file);
    this.regions.set(region, opened);
    return opened;
  }

  private source(fileIndex: number): Promise<OpenByteSource> {
    const known = this.sources.get(fileIndex);
    if (known !== undefined) return known;
    const file = this.checkpoint.files[fileIndex];
    if (file === undefined) throw new RangeError(`No file ${fileIndex}`);
    const opened = this.files.open(file.path);
    this.sources.set(fileIndex, opened);
    return opened;
  }
}
