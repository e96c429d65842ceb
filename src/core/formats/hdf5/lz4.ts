import { CheckpointError } from "../../problem/checkpointError";

/**
 * Undoes the LZ4 filter of HDF5 (registered as 32004): the size of what was packed (8 bytes) and of its blocks (4), with
 * the high byte first, then each block behind the size that it takes; one that takes its whole size is not packed.
 */
export function unpackLz4(bytes: Uint8Array, maxBytes: number): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 12) throw damaged();
  const total = Number(view.getBigUint64(0));
  const blockSize = view.getUint32(8);
  if (total > maxBytes || (total > 0 && blockSize === 0)) throw damaged();
  const result = new Uint8Array(total);
  let at = 12;
  for (let done = 0; done < total; done += blockSize) {
    const size = Math.min(blockSize, total - done);
    if (at + 4 > bytes.length) throw damaged();
    const packed = view.getUint32(at);
    at += 4;
    if (at + packed > bytes.length) throw damaged();
    const block = bytes.subarray(at, at + packed);
    const target = result.subarray(done, done + size);
    if (packed === size) target.set(block);
    else unpackBlock(block, target);
    at += packed;
  }
  return result;
}

/**
 * One block (lz4_Block_format.md): literals and then a copy of what came before, by an offset of 16 bits; the last run is
 * of literals alone.
 */
function unpackBlock(block: Uint8Array, target: Uint8Array): void {
  let [at, to] = [0, 0];
  const length = (nibble: number): number => {
    let sum = nibble;
    if (nibble < 15) return sum;
    for (;;) {
      const more = block[at++];
      if (more === undefined) throw damaged();
      sum += more;
      if (more < 255) return sum;
    }
  };
  while (at < block.length) {
    const token = block[at++] as number;
    const literals = length(token >>> 4);
    if (at + literals > block.length || to + literals > target.length) throw damaged();
    target.set(block.subarray(at, at + literals), to);
    at += literals;
    to += literals;
    if (at === block.length) break;
    const offset = (block[at] as number) | ((block[at + 1] ?? 0) << 8);
    at += 2;
    const copied = length(token & 15) + 4;
    if (offset === 0 || offset > to || to + copied > target.length) throw damaged();
    for (let index = 0; index < copied; index++, to++) target[to] = target[to - offset] as number;
  }
  if (to !== target.length) throw damaged();
}

function damaged(): CheckpointError {
  return new CheckpointError("DamagedChunk", "A chunk that was packed by LZ4 cannot be unpacked.");
}
