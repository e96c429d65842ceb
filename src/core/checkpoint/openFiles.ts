import type { ByteRegion } from "../bytes/byteRegion";
import type { ByteSource, OpenByteSource } from "../bytes/byteSource";
import type { Files } from "../bytes/files";
import type { Checkpoint } from "./checkpoint";

/** The files of a checkpoint, each opened when it is first needed, and kept open until this is closed. */
export class OpenFiles {
  private readonly sources = new Map<number, Promise<OpenByteSource>>();
  /** Parts of files that took a header or more to find. */
  private regions = new WeakMap<ByteRegion, Promise<ByteSource>>();

  constructor(
    private readonly files: Files,
    private readonly checkpoint: Pick<Checkpoint, "files">,
  ) {}

  /** @param fileIndex into the checkpoint's files */
  source(fileIndex: number): Promise<OpenByteSource> {
    const known = this.sources.get(fileIndex);
    if (known !== undefined) return known;
    const file = this.checkpoint.files[fileIndex];
    if (file === undefined) throw new RangeError(`No file ${fileIndex}`);
    const opened = this.files.open(file.path);
    this.sources.set(fileIndex, opened);
    return opened;
  }

  /** Not cancelled by one reader's signal: the next reader of the region wants it as well. */
  region(file: ByteSource, region: ByteRegion): Promise<ByteSource> {
    const known = this.regions.get(region);
    if (known !== undefined) return known;
    const opened = region.open(file);
    this.regions.set(region, opened);
    return opened;
  }

  async close(): Promise<void> {
    const opened = await Promise.allSettled(this.sources.values());
    this.sources.clear();
    this.regions = new WeakMap();
    await Promise.all(
      opened.map((result) => (result.status === "fulfilled" ? result.value.close() : undefined)),
    );
  }
}
