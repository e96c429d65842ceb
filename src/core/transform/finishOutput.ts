import type { FolderOutput } from "../bytes/fileSink";
import type { Files } from "../bytes/files";
import { CheckpointError } from "../problem/checkpointError";
import type { CheckpointSession } from "../session/checkpointSession";
import { carriedParts } from "./model/carriedFiles";

/** What a new snapshot is made from. */
interface Sources {
  readonly files: Files;
  readonly sources: readonly CheckpointSession[];
  readonly signal?: AbortSignal | undefined;
}

/**
 * Does the work, then gives the output its name; takes back what was written where the work fails, or where a source was
 * written to meanwhile, so that what was read of it may be of two contents.
 * @throws CheckpointError `FileChanged`, and those of the work.
 */
export async function finishOutput<T>(
  output: Pick<FolderOutput, "commit" | "discard">,
  { files, sources, signal }: Sources,
  work: () => Promise<T>,
): Promise<T> {
  try {
    const before = await contentsOf(files, sources);
    const result = await work();
    const after = await contentsOf(files, sources);
    for (const [path, content] of before) if (after.get(path) !== content) throw fileChanged(path);
    signal?.throwIfAborted();
    await output.commit();
    return result;
  } catch (error) {
    await output.discard();
    throw error;
  }
}

/** Size and time of each file that is read of the sources: of the weights, and of the settings beside them. */
async function contentsOf(
  files: Files,
  sources: readonly CheckpointSession[],
): Promise<ReadonlyMap<string, string>> {
  const paths = sources.flatMap(({ checkpoint, folder }) => [
    ...checkpoint.files.map(({ path }) => path),
    ...folder.files.filter(({ part }) => carriedParts.has(part)).map(({ path }) => path),
  ]);
  const contents = new Map<string, string>();
  for (const path of new Set(paths)) {
    const found = await files.stat(path);
    contents.set(path, found === undefined ? "" : `${found.size} ${found.modifiedMs}`);
  }
  return contents;
}

function fileChanged(path: string): CheckpointError {
  const message =
    "The file changed while the new snapshot was made from it. Nothing was kept: try again when nobody writes it.";
  return new CheckpointError("FileChanged", message, undefined, path);
}
