import { inflateAll } from "../../bytes/inflate";
import { zstdDecompress } from "../../bytes/zstd";
import { CheckpointError } from "../../problem/checkpointError";
import { unpackSnappy } from "../tensorflow/snappy";
import { unpackLz4Block } from "./lz4Block";
import { bitUnshuffle, unshuffle } from "./shuffles";

const headBytes = 16;
/** Values of up to so many bytes are packed byte by byte, each apart, in blocks of at least so many values. */
const [maxSplits, leastSplitValues] = [16, 128];
const flags = { shuffled: 1, plain: 2, bitShuffled: 4, unsplit: 16 };

/**
 * Unpacks a chunk of Blosc 1 (README_CHUNK_FORMAT.rst of c-blosc), up to `maxBytes` of what comes out.
 * @throws CheckpointError `DamagedChunk` where it is none, is cut, or claims more.
 */
export async function unpackBlosc(chunk: Uint8Array, maxBytes: number): Promise<Uint8Array> {
  if (chunk.length < headBytes) throw damaged("it ends inside of its head");
  const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  const flag = view.getUint8(2);
  const [size, blockSize, packedSize] = [4, 8, 12].map((at) => view.getUint32(at, true)) as [
    number,
    number,
    number,
  ];
  if (view.getUint8(0) > 2) throw damaged(`its version ${view.getUint8(0)} is not known`);
  if (size > maxBytes || packedSize > chunk.length)
    throw damaged(`it claims ${size} bytes in ${packedSize}, of ${maxBytes} in ${chunk.length}`);
  if ((flag & flags.plain) !== 0) {
    if (headBytes + size > chunk.length) throw damaged("it ends before its values do");
    return chunk.subarray(headBytes, headBytes + size);
  }
  const count = size === 0 ? 0 : Math.ceil(size / blockSize);
  if (headBytes + 4 * count > chunk.length) throw damaged("it ends inside of the list of its blocks");
  const result = new Uint8Array(size);
  const packing = { unpack: unpackings[flag >> 5], flag, width: Math.max(1, view.getUint8(3)) };
  for (let block = 0; block < count; block++) {
    const start = view.getUint32(headBytes + 4 * block, true);
    const target = result.subarray(block * blockSize, Math.min(size, (block + 1) * blockSize));
    await readBlock(chunk, start, target, packing, target.length < blockSize);
  }
  return result;
}

type Unpack = (packed: Uint8Array, target: Uint8Array) => Promise<void> | void;

interface Packing {
  readonly unpack: Unpack | undefined;
  readonly flag: number;
  /** Bytes of a value. */
  readonly width: number;
}

/** By what the three highest flags name. */
const unpackings: readonly Unpack[] = [
  unpackBloscLz,
  unpackLz4Block,
  (packed, target) => put(unpackSnappy(packed, target.length), target),
  async (packed, target) => put(await inflateAll(packed, "deflate", target.length), target),
  (packed, target) => put(zstdDecompress(packed, target.length), target),
];

function put(bytes: Uint8Array, target: Uint8Array): void {
  if (bytes.length !== target.length) throw damaged(`a block has ${bytes.length} of ${target.length} bytes`);
  target.set(bytes);
}

async function readBlock(
  chunk: Uint8Array,
  start: number,
  target: Uint8Array,
  { unpack, flag, width }: Packing,
  isLast: boolean,
): Promise<void> {
  if (unpack === undefined) throw damaged(`it is packed in a way (${flag >> 5}) that is not known`);
  const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  const isSplit =
    (flag & flags.unsplit) === 0 &&
    !isLast &&
    width <= maxSplits &&
    Math.floor(target.length / width) >= leastSplitValues;
  const parts = isSplit ? width : 1;
  const partBytes = Math.floor(target.length / parts);
  let at = start;
  for (let part = 0; part < parts; part++) {
    if (at + 4 > chunk.length) throw damaged("a block lies beyond its end");
    const packed = view.getUint32(at, true);
    at += 4;
    if (at + packed > chunk.length) throw damaged("a block runs over its end");
    const piece = target.subarray(part * partBytes, (part + 1) * partBytes);
    const bytes = chunk.subarray(at, at + packed);
    if (packed === partBytes) piece.set(bytes);
    else await unpack(bytes, piece);
    at += packed;
  }
  if ((flag & flags.shuffled) !== 0) target.set(unshuffle(target, width));
  // Blocks of another number of values were left as they are.
  else if ((flag & flags.bitShuffled) !== 0 && Math.floor(target.length / width) % 8 === 0) {
    const whole = target.length - (target.length % width);
    target.set(bitUnshuffle(target.subarray(0, whole), width));
  }
}

/** Farther back than thirteen bits tell, a copy gives its distance in two bytes beyond these. */
const farDistance = 8191;

/** BloscLZ, the descendant of FastLZ (blosclz.c): literals, and copies of what came before. */
function unpackBloscLz(packed: Uint8Array, target: Uint8Array): void {
  let [at, to] = [0, 0];
  const next = (): number => {
    const byte = packed[at++];
    if (byte === undefined) throw damaged("a block of BloscLZ is cut");
    return byte;
  };
  for (let control = next() & 31; ; control = next()) {
    if (control < 32) {
      const length = control + 1;
      if (at + length > packed.length || to + length > target.length)
        throw damaged("a literal of BloscLZ is too long");
      target.set(packed.subarray(at, at + length), to);
      at += length;
      to += length;
    } else {
      let length = (control >> 5) - 1;
      const high = (control & 31) << 8;
      if (length === 6) for (let more = 255; more === 255; length += more) more = next();
      length += 3;
      const low = next();
      const isFar = low === 255 && high === 31 << 8;
      const distance = 1 + (isFar ? farDistance + next() * 256 + next() : high + low);
      if (distance > to || to + length > target.length) throw damaged("a copy of BloscLZ leads out of it");
      // Byte by byte: a copy may run into what it writes.
      for (let index = 0; index < length; index++, to++) target[to] = target[to - distance] as number;
    }
    if (at >= packed.length) break;
  }
  if (to !== target.length) throw damaged(`a block has ${to} of ${target.length} bytes`);
}

function damaged(why: string): CheckpointError {
  return new CheckpointError("DamagedChunk", `A chunk that was packed by Blosc cannot be unpacked: ${why}.`);
}
