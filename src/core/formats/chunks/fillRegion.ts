import type { ByteRegion } from "../../bytes/byteRegion";
import { type ByteSource, checkRange } from "../../bytes/byteSource";

/** Values that were never written: each is the fill value, or zeros. */
export class FillRegion implements ByteRegion {
  readonly fileOffset = 0;

  constructor(
    readonly size: number,
    private readonly fill: Uint8Array | undefined,
  ) {}

  async open(): Promise<ByteSource> {
    const { size, fill } = this;
    return {
      size,
      read: async (offset, length) => {
        checkRange({ size }, offset, length);
        const result = new Uint8Array(length);
        if (fill !== undefined)
          for (let at = 0; at < length; at++) result[at] = fill[(offset + at) % fill.length] as number;
        return result;
      },
    };
  }
}
