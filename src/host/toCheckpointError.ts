import { CheckpointError } from "../core/problem/checkpointError";
import { messageOf } from "../core/problem/messageOf";

/** Whatever was thrown, as an error that can be shown. */
export function toCheckpointError(error: unknown): CheckpointError {
  if (error instanceof CheckpointError) return error;
  const message = messageOf(error);
  const code =
    error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "Failed";
  return new CheckpointError(code, code === "EACCES" ? "You have no permission to read this file." : message);
}
