import { startInFile } from "../../core/bytes/byteRange";
import type { ByteRegion } from "../../core/bytes/byteRegion";
import type { ByteSource, OpenByteSource } from "../../core/bytes/byteSource";
import type { Files } from "../../core/bytes/files";
import type { Checkpoint } from "../../core/checkpoint/checkpoint";
import { type Extent, plainExtent } from "../../core/tensors/plainExtent";
import type { Tensor } from "../../core/tensors/tensor";

/** Finds where tensors lie in their files. Holds the files open that it looked into; close it when done. */
export class TensorPlaces {
  private readonly sources = new Map<number, Promise<OpenByteSource>>();
  private readonly regions = new Map<ByteRegion, Promise<ByteSource>>();

  constructor(
    private readonly files: Files,
    private readonly checkpoint: Checkpoint,
  ) {}

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
      const file = await this.source(tensor.fileIndex);
      const storage = await this.open(file, region);
      const start = startInFile(storage, file);
      if (start === undefined || extent.offset + extent.length > storage.size) return undefined;
      return { offset: start + extent.offset, length: extent.length };
    } catch {
      return undefined;
    }
  }

  async close(): Promise<void> {
    const opened = await Promise.allSettled(this.sources.values());
    this.sources.clear();
    this.regions.clear();
    await Promise.all(
      opened.map((result) => (result.status === "fulfilled" ? result.value.close() : undefined)),
    );
  }

  private open(file: ByteSource, region: ByteRegion): Promise<ByteSource> {
    let opened = this.regions.get(region);
    if (opened === undefined) {
      opened = region.open(file);
      this.regions.set(region, opened);
    }
    return opened;
  }

  private source(fileIndex: number): Promise<OpenByteSource> {
    let opened = this.sources.get(fileIndex);
    if (opened === undefined) {
      const file = this.checkpoint.files[fileIndex];
      if (file === undefined) throw new RangeError(`No file ${fileIndex}`);
      opened = this.files.open(file.path);
      this.sources.set(fileIndex, opened);
    }
    return opened;
  }
}
