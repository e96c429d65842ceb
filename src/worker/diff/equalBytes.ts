import type { CheckpointSession } from "../../core/session/checkpointSession";
import type { Tensor } from "../../core/tensors/tensor";

const stepBytes = 4 * 1024 * 1024;

/**
 * Whether two tensors of one size hold the same bytes, as they would lie in files of their own.
 * @throws RangeError where a file does not hold them.
 */
export async function hasEqualBytes(
  sessions: readonly [CheckpointSession, CheckpointSession],
  [a, b]: readonly [Tensor, Tensor],
  signal?: AbortSignal,
): Promise<boolean> {
  const [left, right] = [sessions[0].tensorReader(), sessions[1].tensorReader()];
  try {
    for (let offset = 0; offset < a.byteSize; offset += stepBytes) {
      const length = Math.min(stepBytes, a.byteSize - offset);
      const [x, y] = await Promise.all([
        left.readRange(a, offset, length, signal),
        right.readRange(b, offset, length, signal),
      ]);
      if (Buffer.compare(x, y) !== 0) return false;
    }
    return true;
  } finally {
    await Promise.all([left.close(), right.close()]);
  }
}
