import { CheckpointError } from "../../problem/checkpointError";

/**
 * Unpacks LZF (liblzf 3.6, `lzf_d.c`), the fast compression that h5py brings along: runs of literals, and copies of
 * what came before.
 * @throws CheckpointError `DamagedChunk` where the data ends too early, points before its beginning, or grows too long.
 */
export function unpackLzf(packed: Uint8Array, size: number): Uint8Array {
  const result = new Uint8Array(size);
  let at = 0;
  let to = 0;
  while (at < packed.length) {
    const control = packed[at++] as number;
    if (control < 32) {
      const length = control + 1;
      if (at + length > packed.length || to + length > size) throw damaged();
      result.set(packed.subarray(at, at + length), to);
      at += length;
      to += length;
      continue;
    }
    let length = (control >> 5) + 2;
    if (length === 9) length += packed[at++] ?? 0;
    let from = to - ((control & 0x1f) << 8) - (packed[at++] ?? 0) - 1;
    if (at > packed.length || from < 0 || to + length > size) throw damaged();
    // Byte by byte: a copy may run into what it writes.
    for (let count = 0; count < length; count++) result[to++] = result[from++] as number;
  }
  return to === size ? result : result.subarray(0, to);
}

function damaged(): CheckpointError {
  return new CheckpointError("DamagedChunk", "A chunk compressed by LZF is damaged.");
}
