import type { ByteSource } from "../bytes/byteSource";
import type { Files } from "../bytes/files";
import { baseName } from "../bytes/paths";
import { CheckpointError } from "../problem/checkpointError";
import type { TensorPiece } from "../tensors/assembly";
import { readUnpacked } from "../tensors/packed/unpackedTensor";
import { readAssembly } from "../tensors/readAssembly";
import { readLayout } from "../tensors/readLayout";
import type { Tensor } from "../tensors/tensor";
import type { TensorStorage } from "../tensors/tensorLayout";
import type { Checkpoint } from "./checkpoint";
import { OpenFiles } from "./openFiles";

/** A tensor that the file describes, but whose bytes it does not hold, or not whole. The message says why. */
export class UnreadableTensorError extends RangeError {
  override readonly name = "UnreadableTensorError";
}

/** Reads the bytes of a checkpoint's tensors. Files are opened when first needed; close it when done. */
export class TensorReader {
  private readonly opened: OpenFiles;

  constructor(
    files: Files,
    private readonly checkpoint: Checkpoint,
  ) {
    this.opened = new OpenFiles(files, checkpoint);
  }

  /**
   * The tensor's bytes, contiguous and little-endian, however they lie in the file.
   * @throws RangeError when the file does not hold them.
   */
  read(tensor: Tensor, signal?: AbortSignal): Promise<Uint8Array> {
    return this.readRange(tensor, 0, tensor.byteSize, signal);
  }

  /**
   * Some of the tensor's bytes, `offset` counted from its first.
   * @param spare an earlier result, no longer needed, whose memory may be used again.
   */
  async readRange(
    tensor: Tensor,
    offset: number,
    length: number,
    signal?: AbortSignal,
    spare?: Uint8Array,
  ): Promise<Uint8Array> {
    const { layout, assembly, packed } = tensor;
    if (packed !== undefined) {
      const readStored = (part: Tensor, from: number, bytes: number) =>
        this.readRange(part, from, bytes, signal);
      return readUnpacked(packed, offset, length, readStored, signal, spare);
    }
    try {
      if (assembly !== undefined) {
        const open = (piece: TensorPiece) => this.openPiece(piece);
        return await readAssembly(tensor, assembly, offset, length, open, signal);
      }
      const source = await this.opened.source(tensor.fileIndex);
      if (layout === undefined) return await source.read(tensor.offset + offset, length, signal, spare);
      const open = (storage: TensorStorage) => this.open(source, storage);
      return await readLayout(tensor, layout, offset, length, open, signal, spare);
    } catch (error) {
      throw error instanceof CheckpointError ? new UnreadableTensorError(error.message) : error;
    }
  }

  /** The first bytes; undefined where the file does not hold them, which its directory tells. */
  async readStart(tensor: Tensor, bytes: number, signal?: AbortSignal): Promise<Uint8Array | undefined> {
    try {
      return await this.readRange(tensor, 0, bytes, signal);
    } catch (error) {
      if (error instanceof UnreadableTensorError) return undefined;
      throw error;
    }
  }

  close(): Promise<void> {
    return this.opened.close();
  }

  /** Which of the files of many processes is at fault stands in no name of a tensor. */
  private async openPiece({ fileIndex, region }: TensorPiece): Promise<ByteSource> {
    try {
      return await this.opened.region(await this.opened.source(fileIndex), region);
    } catch (error) {
      if (!(error instanceof CheckpointError)) throw error;
      const path = this.checkpoint.files[fileIndex]?.path ?? this.checkpoint.path;
      throw new UnreadableTensorError(`${baseName(path)}: ${error.message}`);
    }
  }

  private open(file: ByteSource, { region, absent }: TensorStorage): Promise<ByteSource> {
    if (region === undefined) {
      throw new UnreadableTensorError(absent ?? "The file does not hold the tensor's bytes.");
    }
    return this.opened.region(file, region);
  }
}
