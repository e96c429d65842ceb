import { CheckpointError } from "../../problem/checkpointError";
import { unpackLz4Block } from "../chunks/lz4Block";

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
    else unpackLz4Block(block, target);
    at += packed;
  }
  return result;
}

function damaged(): CheckpointError {
  return new CheckpointError("DamagedChunk", "A chunk that was packed by LZ4 cannot be unpacked.");
}
