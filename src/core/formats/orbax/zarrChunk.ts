import { type ByteRegion, MemoryRegion } from "../../bytes/byteRegion";
import type { ByteSource } from "../../bytes/byteSource";
import { unpackBzip2 } from "../../bytes/bzip2";
import { crc32c } from "../../bytes/checksums/crc32";
import { inflateAll } from "../../bytes/inflate";
import { zstdDecompress } from "../../bytes/zstd";
import { CheckpointError } from "../../problem/checkpointError";
import { elementCount } from "../../tensors/tensor";
import { unpackBlosc } from "../chunks/blosc";
import { ChunkedSource } from "../chunks/chunkedSource";
import { unpackLz4Block } from "../chunks/lz4Block";
import type { ZarrArray } from "./zarrMetadata";

const indexEntryBytes = 16;
const checksumBytes = 4;
const slackBytes = 64;

/**
 * What is stored under a key of an array: a chunk, or a shard of several, without what reaches beyond the array. Opens
 * to the values of `box`, little-endian.
 */
export class ZarrChunkRegion implements ByteRegion {
  readonly size: number;
  readonly fileOffset: number;
  readonly heldBytes: number;

  constructor(
    private readonly stored: ByteRegion,
    private readonly array: ZarrArray,
    private readonly box: readonly number[],
  ) {
    this.size = elementCount(box) * array.itemBytes;
    this.fileOffset = stored.fileOffset;
    this.heldBytes = elementCount(array.shards?.innerShape ?? array.chunkShape) * array.itemBytes;
  }

  async open(file: ByteSource, signal?: AbortSignal): Promise<ByteSource> {
    const source = await this.stored.open(file, signal);
    const { itemBytes, chunkShape, shards, fill } = this.array;
    const grid = { shape: this.box, itemBytes, fill };
    if (shards === undefined) {
      const read = async () => this.unpack(await source.read(0, source.size, signal), chunkShape);
      return new ChunkedSource({ ...grid, chunkShape }, read);
    }
    const { innerShape, indexIsBigEndian } = shards;
    const index = await this.readIndex(source, signal);
    const whole = chunkShape.map((size, axis) => size / (innerShape[axis] as number));
    const inBox = this.box.map((size, axis) => Math.ceil(size / (innerShape[axis] as number)));
    return new ChunkedSource({ ...grid, chunkShape: innerShape }, async (number, readSignal) => {
      const at = renumbered(number, inBox, whole) * indexEntryBytes;
      const [offset, length] = [0, 8].map((skip) => index.getBigUint64(at + skip, !indexIsBigEndian)) as [
        bigint,
        bigint,
      ];
      // All bits set: the chunk was never written.
      if (offset === 2n ** 64n - 1n) return undefined;
      if (offset + length > BigInt(source.size)) throw damaged("a chunk of a shard lies beyond its end");
      const stored = await source.read(Number(offset), Number(length), readSignal);
      if (shards.shards === undefined) return this.unpack(stored, innerShape);
      const inner = { ...this.array, chunkShape: innerShape, shards: shards.shards };
      const region = new ZarrChunkRegion(new MemoryRegion(stored, 0), inner, innerShape);
      return (await region.open(source, readSignal)).read(0, region.size, readSignal);
    });
  }

  /** Offset and length of each chunk, last axis fastest, and a checksum. */
  private async readIndex(source: ByteSource, signal?: AbortSignal): Promise<DataView> {
    const { chunkShape, shards } = this.array;
    const inner = shards?.innerShape ?? chunkShape;
    const count = elementCount(chunkShape.map((size, axis) => size / (inner[axis] as number)));
    const length = count * indexEntryBytes + (shards?.indexHasChecksum === false ? 0 : checksumBytes);
    if (!(length <= source.size)) throw damaged("a shard is shorter than its index");
    const stored = await source.read(
      shards?.indexAtStart === true ? 0 : source.size - length,
      length,
      signal,
    );
    const bytes = shards?.indexHasChecksum === false ? stored : checked(stored, "the index of a shard");
    return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  private async unpack(stored: Uint8Array, shape: readonly number[]): Promise<Uint8Array> {
    const { codecs, itemBytes } = this.array;
    const wanted = elementCount(shape) * itemBytes;
    let bytes = stored;
    for (const name of codecs.compressions.toReversed()) {
      if (name === "crc32c") bytes = checked(bytes, "a chunk");
      else if (name === "zstd") bytes = zstdDecompress(bytes, wanted + slackBytes);
      else if (name === "bz2") bytes = unpackBzip2(bytes, wanted + slackBytes);
      else if (name === "blosc") bytes = await unpackBlosc(bytes, wanted + slackBytes);
      else if (name === "lz4") bytes = unpackSizedLz4(bytes, wanted + slackBytes);
      else bytes = await inflateAll(bytes, name === "gzip" ? "gzip" : "deflate", wanted + slackBytes);
    }
    if (bytes.length !== wanted) throw damaged(`a chunk has ${bytes.length} bytes where ${wanted} belong`);
    if (codecs.axes !== undefined) bytes = rowMajor(bytes, shape, codecs.axes, itemBytes);
    return codecs.bigEndian ? swapped(bytes, this.array) : bytes;
  }
}

/** Without the CRC-32C that stands behind them, which is theirs (zarr 3, crc32c codec). */
function checked(bytes: Uint8Array, what: string): Uint8Array {
  const end = bytes.length - checksumBytes;
  if (end < 0) throw damaged(`${what} is shorter than its checksum`);
  const stored = new DataView(bytes.buffer, bytes.byteOffset + end, checksumBytes).getUint32(0, true);
  if (crc32c.of(bytes, 0, end) !== stored)
    throw damaged(`${what} has another checksum than was stored with it`);
  return bytes.subarray(0, end);
}

/** One block of LZ4 behind the size that it takes unpacked, as numcodecs writes it. */
function unpackSizedLz4(bytes: Uint8Array, maxBytes: number): Uint8Array {
  if (bytes.length < 4) throw damaged("a chunk ends inside its size");
  const size = new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true);
  if (size > maxBytes) throw damaged(`a chunk claims ${size} bytes`);
  const result = new Uint8Array(size);
  unpackLz4Block(bytes.subarray(4), result);
  return result;
}

/** A chunk's number among all of a shard, from its number among those that lie inside the array. */
function renumbered(number: number, inBox: readonly number[], whole: readonly number[]): number {
  let [rest, result, stride] = [number, 0, 1];
  for (let axis = inBox.length - 1; axis >= 0; axis--) {
    const count = inBox[axis] as number;
    result += (rest % count) * stride;
    rest = Math.floor(rest / count);
    stride *= whole[axis] as number;
  }
  return result;
}

/** The values of a chunk with the last axis fastest, of which the stored axes are `axes` of `shape`, slowest first. */
function rowMajor(
  stored: Uint8Array,
  shape: readonly number[],
  axes: readonly number[],
  itemBytes: number,
): Uint8Array {
  const strides = new Array<number>(shape.length).fill(0);
  let stride = itemBytes;
  for (const axis of axes.toReversed()) {
    strides[axis] = stride;
    stride *= shape[axis] as number;
  }
  const result = new Uint8Array(stored.length);
  const at = new Array<number>(shape.length).fill(0);
  let from = 0;
  for (let to = 0; to < result.length; to += itemBytes) {
    for (let byte = 0; byte < itemBytes; byte++) result[to + byte] = stored[from + byte] as number;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += strides[axis] as number;
      at[axis] = (at[axis] as number) + 1;
      if ((at[axis] as number) < (shape[axis] as number)) break;
      from -= (strides[axis] as number) * (shape[axis] as number);
      at[axis] = 0;
    }
  }
  return result;
}

/** A complex number is two numbers, each with its own order. */
function swapped(bytes: Uint8Array, { dtype, itemBytes }: ZarrArray): Uint8Array {
  const width = dtype.startsWith("C") ? itemBytes / 2 : itemBytes;
  const result = bytes.slice();
  for (let at = 0; at + width <= result.length; at += width) result.subarray(at, at + width).reverse();
  return result;
}

function damaged(why: string): CheckpointError {
  return new CheckpointError("DamagedChunk", `${why[0]?.toUpperCase()}${why.slice(1)}.`);
}
