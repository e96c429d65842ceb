import type { Files } from "../bytes/files";
import { baseName } from "../bytes/paths";
import type { CheckpointFile } from "../formats/checkpointFile";
import { type ReadFileResult, readCheckpointFile } from "../formats/readFile";
import { CheckpointError } from "../problem/checkpointError";
import { isReadingError } from "../problem/problem";

/** One of the files that a model was cut into. */
export interface Shard {
  readonly file: CheckpointFile;
  readonly parsed: ReadFileResult | undefined;
  readonly failure: CheckpointError | undefined;
}

/** Reads the directory of a shard. Rejects only when it is cancelled: what is wrong with one leaves the others. */
export async function openShard(files: Files, path: string, signal?: AbortSignal): Promise<Shard> {
  const name = baseName(path);
  const file = { name, path, bytes: 0 };
  if ((await files.stat(path))?.kind !== "file") {
    return { file: { ...file, status: "missing" }, parsed: undefined, failure: undefined };
  }
  let bytes = 0;
  try {
    const source = await files.open(path);
    try {
      bytes = source.size;
      const parsed = await readCheckpointFile(source, name, path, signal);
      const broken = parsed.problems.some(isReadingError);
      return { file: { ...file, bytes, status: broken ? "broken" : "ok" }, parsed, failure: undefined };
    } finally {
      await source.close();
    }
  } catch (error) {
    if (signal?.aborted || !(error instanceof Error)) throw error;
    // Such as a shard that may not be read: the others are still worth showing.
    const failure = error instanceof CheckpointError ? error : unreadable(error, path);
    return { file: { ...file, bytes, status: "broken" }, parsed: undefined, failure };
  }
}

function unreadable(error: Error, path: string): CheckpointError {
  return new CheckpointError(
    "UnreadableFile",
    `The file could not be read: ${error.message}`,
    undefined,
    path,
  );
}
