import { resolve } from "node:path";
import type { FileWriter } from "../core/bytes/fileSink";
import { CheckpointError } from "../core/problem/checkpointError";
import type { CheckpointSession } from "../core/session/checkpointSession";
import { nodeSink } from "./nodeSink";

/**
 * Writes a file that the user asked for under a temporary name, and gives it its own when all of it is on the disk.
 * The user was asked whether a file there may be replaced; one of the checkpoint's own is not, whatever they said.
 * @throws CheckpointError `SourceInPlace` for those.
 */
export async function exportFile(
  { checkpoint }: CheckpointSession,
  path: string,
  write: (writer: FileWriter) => Promise<void>,
): Promise<void> {
  const target = resolve(path);
  if (checkpoint.files.some((file) => resolve(file.path) === target) || checkpoint.path === target) {
    const message = "This is a file of the open checkpoint, which is never written to. Choose another name.";
    throw new CheckpointError("SourceInPlace", message, undefined, path);
  }
  const output = await nodeSink.createFile(target, { replace: true });
  try {
    try {
      await write(output.writer);
    } finally {
      await output.writer.close();
    }
    await output.commit();
  } finally {
    await output.discard();
  }
}
