import { CheckpointError } from "../../problem/checkpointError";
import type { CheckpointSession } from "../../session/checkpointSession";

export function notConvertible({ checkpoint }: CheckpointSession, message: string): CheckpointError {
  return new CheckpointError("NotConvertible", message, undefined, checkpoint.path);
}
