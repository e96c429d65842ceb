import type { ByteRegion } from "../../bytes/byteRegion";
import { type ByteSource, checkRange } from "../../bytes/byteSource";

/** Which of the bits of an integer are its number; the others are padding (File Format Specification IV.A.2.d). */
export interface NarrowBits {
  readonly offset: number;
  readonly precision: number;
  readonly isSigned: boolean;
}

/** Integers of which only some bits count, as whole ones, little-endian. */
export class NarrowIntegers implements ByteRegion {
  constructor(
    private readonly stored: ByteRegion,
    private readonly bits: NarrowBits,
    private readonly itemBytes: number,
    private readonly bigEndian: boolean,
  ) {}

  get size(): number {
    return this.stored.size;
  }

  get fileOffset(): number {
    return this.stored.fileOffset;
  }

  get heldBytes(): number {
    return this.stored.heldBytes ?? 0;
  }

  async open(file: ByteSource, signal?: AbortSignal): Promise<ByteSource> {
    const source = await this.stored.open(file, signal);
    const { itemBytes } = this;
    return {
      size: source.size,
      read: async (offset, length, readSignal) => {
        checkRange(source, offset, length);
        const first = Math.floor(offset / itemBytes) * itemBytes;
        const end = Math.min(source.size, Math.ceil((offset + length) / itemBytes) * itemBytes);
        const bytes = (await source.read(first, end - first, readSignal)).slice();
        this.widen(bytes);
        return bytes.subarray(offset - first, offset - first + length);
      },
    };
  }

  private widen(bytes: Uint8Array): void {
    const { itemBytes, bigEndian } = this;
    const { offset, precision, isSigned } = this.bits;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const above = BigInt(64 - precision);
    for (let at = 0; at + itemBytes <= bytes.length; at += itemBytes) {
      let item = 0n;
      for (let byte = 0; byte < itemBytes; byte++)
        item = (item << 8n) | BigInt(bytes[bigEndian ? at + byte : at + itemBytes - 1 - byte] as number);
      const number = BigInt.asUintN(precision, item >> BigInt(offset));
      const whole = isSigned ? BigInt.asIntN(64, number << above) >> above : number;
      if (itemBytes === 8) view.setBigInt64(at, BigInt.asIntN(64, whole), true);
      else if (itemBytes === 4) view.setInt32(at, Number(BigInt.asIntN(32, whole)), true);
      else if (itemBytes === 2) view.setInt16(at, Number(BigInt.asIntN(16, whole)), true);
      else view.setInt8(at, Number(BigInt.asIntN(8, whole)));
    }
  }
}
