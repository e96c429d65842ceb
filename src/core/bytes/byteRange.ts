import { type ByteSource, checkRange } from "./byteSource";

/** A part of a source as a source of its own. */
export class RangeByteSource implements ByteSource {
  constructor(
    readonly source: ByteSource,
    /** In `source`. */
    readonly start: number,
    readonly size: number,
  ) {
    checkRange(source, start, size);
  }

  read(offset: number, length: number, signal?: AbortSignal, spare?: Uint8Array): Promise<Uint8Array> {
    checkRange(this, offset, length);
    return this.source.read(this.start + offset, length, signal, spare);
  }
}

/** Where in `file` a part of it begins; undefined where the bytes are not plainly the file's, as of an inflated member. */
export function startInFile(source: ByteSource, file: ByteSource): number | undefined {
  if (source === file) return 0;
  if (!(source instanceof RangeByteSource)) return undefined;
  const outer = startInFile(source.source, file);
  return outer === undefined ? undefined : outer + source.start;
}
