import { CheckpointError } from "../../problem/checkpointError";

/** What the szip filter was told: its options, and sizes in pixels. */
export interface SzipOptions {
  readonly mask: number;
  readonly pixelsPerBlock: number;
  readonly bitsPerPixel: number;
  readonly pixelsPerScanline: number;
}

const nearestNeighbour = 32;
const mostSignificantFirst = 16;

/**
 * Unpacks szip (CCSDS 121.0-B-2, extended Rice coding), as libaec does for HDF5: pixels of 32 and 64 bits were coded
 * as planes of bytes, and lines that no number of blocks fits were padded.
 * @throws CheckpointError `DamagedChunk` where the data is no such code.
 */
export function unpackSzip(packed: Uint8Array, size: number, options: SzipOptions): Uint8Array {
  const { mask, pixelsPerBlock, bitsPerPixel, pixelsPerScanline } = options;
  const isSound =
    pixelsPerBlock >= 2 &&
    pixelsPerBlock <= 64 &&
    pixelsPerBlock % 2 === 0 &&
    pixelsPerScanline >= 1 &&
    (bitsPerPixel <= 24 || bitsPerPixel === 32 || bitsPerPixel === 64) &&
    bitsPerPixel >= 1;
  if (!isSound) throw damaged("its settings are impossible");
  const inPlanes = bitsPerPixel === 32 || bitsPerPixel === 64;
  const sampleBits = inPlanes ? 8 : bitsPerPixel;
  const sampleBytes = sampleBits > 16 ? 4 : sampleBits > 8 ? 2 : 1;
  const blocksPerLine = Math.ceil(pixelsPerScanline / pixelsPerBlock);
  const paddedLine = blocksPerLine * pixelsPerBlock;
  const count = Math.ceil(size / sampleBytes);
  const lines = Math.ceil(count / pixelsPerScanline);
  const decoder = new RiceDecoder(packed, {
    bits: sampleBits,
    block: pixelsPerBlock,
    interval: blocksPerLine,
    isMapped: (mask & nearestNeighbour) !== 0,
  });
  const isPadded = paddedLine !== pixelsPerScanline;
  const samples = decoder.decode(isPadded ? lines * paddedLine : count);
  const bytes = new Uint8Array(count * sampleBytes);
  const bigEndian = (mask & mostSignificantFirst) !== 0;
  for (let at = 0; at < count; at++) {
    const line = Math.floor(at / pixelsPerScanline);
    const sample = samples[isPadded ? line * paddedLine + (at % pixelsPerScanline) : at] as number;
    for (let byte = 0; byte < sampleBytes; byte++) {
      const shift = 8 * (bigEndian ? sampleBytes - 1 - byte : byte);
      bytes[at * sampleBytes + byte] = (sample >>> shift) & 0xff;
    }
  }
  return inPlanes ? fromPlanes(bytes, bitsPerPixel / 8, size) : bytes.subarray(0, size);
}

/** First all first bytes, then all second ones: as values again. */
function fromPlanes(planes: Uint8Array, width: number, size: number): Uint8Array {
  const result = new Uint8Array(size);
  const count = Math.floor(size / width);
  for (let at = 0; at < count; at++) {
    for (let byte = 0; byte < width; byte++) result[at * width + byte] = planes[byte * count + at] as number;
  }
  return result;
}

interface RiceShape {
  readonly bits: number;
  readonly block: number;
  /** Blocks from one sample that is written out to the next. */
  readonly interval: number;
  /** The samples are differences from the one before, mapped to numbers without a sign. */
  readonly isMapped: boolean;
}

/** A run of zero blocks to the end of its segment, which has 64. */
const restOfSegment = 5;
const segmentBlocks = 64;

class RiceDecoder {
  private bitAt = 0;
  private samples = new Uint32Array();
  private filled = 0;

  constructor(
    private readonly packed: Uint8Array,
    private readonly shape: RiceShape,
  ) {}

  decode(count: number): Uint32Array {
    const { interval, block } = this.shape;
    // Whole intervals at the most, of which the last may be cut.
    this.samples = new Uint32Array(count);
    const idBits = this.shape.bits > 16 ? 5 : this.shape.bits > 8 ? 4 : 3;
    while (this.filled < count) {
      const start = this.filled;
      for (let at = 0; at < interval && this.filled < count; ) {
        this.filled = start + at * block;
        at += this.decodeBlock(at, idBits);
      }
      this.filled = Math.min(count, start + interval * block);
      if (this.shape.isMapped) this.unmap(start, this.filled);
    }
    return this.samples;
  }

  /** Returns how many blocks there were. */
  private decodeBlock(at: number, idBits: number): number {
    const { block, bits, isMapped, interval } = this.shape;
    const id = this.take(idBits);
    const hasReference = isMapped && at === 0;
    const rest = hasReference ? block - 1 : block;
    if (id === 2 ** idBits - 1) {
      for (let index = 0; index < block; index++) this.put(this.take(bits));
      return 1;
    }
    const isExtended = id === 0 && this.take(1) === 1;
    if (hasReference) this.put(this.take(bits));
    if (isExtended) {
      this.decodePairs(hasReference);
      return 1;
    }
    if (id === 0) return this.zeroBlocks(at, interval, block, hasReference);
    const split = id - 1;
    const start = this.filled;
    for (let index = 0; index < rest; index++) this.put(this.unary() * 2 ** split);
    if (split === 0) return 1;
    for (let index = 0; index < rest; index++) {
      const low = this.take(split);
      if (start + index < this.samples.length)
        this.samples[start + index] = (this.samples[start + index] as number) + low;
    }
    return 1;
  }

  private zeroBlocks(at: number, interval: number, block: number, hasReference: boolean): number {
    let count = this.unary() + 1;
    if (count === restOfSegment) count = Math.min(interval - at, segmentBlocks - (at % segmentBlocks));
    else if (count > restOfSegment) count--;
    if (at + count > interval) throw damaged("it has more blocks than belong together");
    // The samples are zeros already.
    this.filled += count * block - (hasReference ? 1 : 0);
    return count;
  }

  /** The second extension: two small samples in one number. */
  private decodePairs(hasReference: boolean): void {
    const { block } = this.shape;
    for (let index = hasReference ? 1 : 0; index < block; ) {
      const code = this.unary();
      let sum = 0;
      while (((sum + 1) * (sum + 2)) / 2 <= code) sum++;
      const second = code - (sum * (sum + 1)) / 2;
      if (index % 2 === 0) {
        this.put(sum - second);
        index++;
      }
      this.put(second);
      index++;
    }
  }

  private unmap(start: number, end: number): void {
    const { bits } = this.shape;
    const most = 2 ** bits - 1;
    const middle = 2 ** (bits - 1);
    let value = this.samples[start] as number;
    for (let at = start + 1; at < end; at++) {
      const mapped = this.samples[at] as number;
      const half = Math.ceil(mapped / 2);
      const isHigh = value >= middle;
      // Where the difference would lead out of the range, it counts from the nearer end of it.
      if (half <= (isHigh ? most - value : value)) value += mapped % 2 === 0 ? mapped / 2 : -(mapped + 1) / 2;
      else value = isHigh ? most - mapped : mapped;
      this.samples[at] = value;
    }
  }

  private put(value: number): void {
    if (this.filled < this.samples.length) this.samples[this.filled] = value;
    this.filled++;
  }

  private take(count: number): number {
    let value = 0;
    for (let bit = 0; bit < count; bit++) value = value * 2 + this.bit();
    return value;
  }

  private unary(): number {
    let zeros = 0;
    while (this.bit() === 0) zeros++;
    return zeros;
  }

  private bit(): number {
    const byte = this.packed[this.bitAt >> 3];
    if (byte === undefined) throw damaged("it ends too early");
    const value = (byte >> (7 - (this.bitAt & 7))) & 1;
    this.bitAt++;
    return value;
  }
}

function damaged(what: string): CheckpointError {
  return new CheckpointError("DamagedChunk", `A chunk compressed by szip is damaged: ${what}.`);
}
