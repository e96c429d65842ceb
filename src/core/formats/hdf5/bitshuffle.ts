import { zstdDecompress } from "../../bytes/zstd";
import { CheckpointError } from "../../problem/checkpointError";
import { unpackLz4Block } from "../chunks/lz4Block";
import { bitUnshuffle } from "../chunks/shuffles";

const headBytes = 12;

/**
 * Undoes the filter Bitshuffle (registered as 32008; bshuf_h5filter.c): blocks of values whose bits were sorted, each
 * packed behind the size that it takes or not at all, and up to seven values left as they are.
 */
export function unpackBitshuffle(
  bytes: Uint8Array,
  parameters: readonly number[],
  maxBytes: number,
): Uint8Array {
  const [, , width = 1, toldBlock = 0, packing = 0] = parameters;
  if (width < 1 || width > maxBytes) throw damaged(`values of ${width} bytes`);
  if (packing === 0) return unpackBlocks(bytes, bytes.length, width, toldBlock || usualBlock(width));
  if (packing !== 2 && packing !== 3) throw damaged(`a packing (${packing}) that is not known`);
  if (bytes.length < headBytes) throw damaged("an end inside of its head");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const total = Number(view.getBigUint64(0));
  if (total > maxBytes) throw damaged(`a claim of ${total} bytes where ${maxBytes} belong`);
  const block = Math.floor(view.getUint32(8) / width) || usualBlock(width);
  return unpackBlocks(bytes, total, width, block, packing === 2 ? unpackLz4Block : unpackZstdBlock);
}

/** Blocks take about 8 kB, and a multiple of eight values. */
function usualBlock(width: number): number {
  return Math.max(128, Math.floor(8192 / width / 8) * 8);
}

function unpackBlocks(
  bytes: Uint8Array,
  total: number,
  width: number,
  blockValues: number,
  unpack?: (packed: Uint8Array, target: Uint8Array) => void,
): Uint8Array {
  if (blockValues % 8 !== 0) throw damaged(`blocks of ${blockValues} values`);
  const result = new Uint8Array(total);
  const sorted = Math.floor(total / width / 8) * 8;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = unpack === undefined ? 0 : headBytes;
  for (let value = 0; value < sorted; value += blockValues) {
    const target = result.subarray(value * width, Math.min(sorted, value + blockValues) * width);
    let stored = target.length;
    if (unpack !== undefined) {
      if (at + 4 > bytes.length) throw damaged("an end inside of its blocks");
      stored = view.getUint32(at);
      at += 4;
    }
    if (at + stored > bytes.length) throw damaged("a block that runs over its end");
    if (unpack === undefined) target.set(bytes.subarray(at, at + stored));
    else unpack(bytes.subarray(at, at + stored), target);
    target.set(bitUnshuffle(target, width));
    at += stored;
  }
  const rest = total - sorted * width;
  if (at + rest > bytes.length) throw damaged("an end before that of its values");
  result.set(bytes.subarray(at, at + rest), sorted * width);
  return result;
}

function unpackZstdBlock(packed: Uint8Array, target: Uint8Array): void {
  const bytes = zstdDecompress(packed, target.length);
  if (bytes.length !== target.length) throw damaged(`a block of ${bytes.length} of ${target.length} bytes`);
  target.set(bytes);
}

function damaged(what: string): CheckpointError {
  return new CheckpointError("DamagedChunk", `A chunk that was packed by Bitshuffle has ${what}.`);
}
