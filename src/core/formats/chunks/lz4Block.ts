import { CheckpointError } from "../../problem/checkpointError";

/**
 * One block (lz4_Block_format.md): literals and then a copy of what came before, by an offset of 16 bits; the last run is
 * of literals alone.
 * @throws CheckpointError `DamagedChunk` where it does not fill `target`.
 */
export function unpackLz4Block(block: Uint8Array, target: Uint8Array): void {
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
