import { mapParallel } from "../bytes/mapParallel";
import { joinPath } from "../bytes/paths";
import { CheckpointError } from "../problem/checkpointError";
import { parallelShardReads } from "../problem/limits";
import { isReadingError, type Problem } from "../problem/problem";
import type { CheckpointFile } from "./checkpointFile";
import type { FolderListing } from "./folderFormat";
import type { ParsedFile } from "./format";
import { ParsedOnce } from "./parsedOnce";
import { readCheckpointFile } from "./readFile";

/** A file of the folder: read, or not and why. */
export interface OpenedFile {
  readonly file: CheckpointFile;
  readonly parsed: ParsedFile | undefined;
  /** Why it could not be read. A clause without a full stop. */
  readonly failure: string | undefined;
}

/** Opened files by name, with their place in the checkpoint's list of files. */
export type OpenedByName = ReadonlyMap<string, { readonly index: number; readonly file: OpenedFile }>;

export function byNameOf(opened: readonly OpenedFile[]): OpenedByName {
  return new Map(opened.map((file, index) => [file.file.name, { index, file }]));
}

/**
 * Reads the directories and pickles of the files of one checkpoint, some at a time. Does not reject for what is in them.
 * Problems are told in the order of `names`, whichever file was read first.
 * @param names below the folder, with `/` between
 */
export async function openFolderFiles(
  { files, path }: Pick<FolderListing, "files" | "path">,
  names: readonly string[],
  rankOf: (name: string) => string | undefined,
  report: (problem: Problem) => void,
  signal?: AbortSignal,
): Promise<OpenedFile[]> {
  const found = await mapParallel(names, parallelShardReads, async (name) => {
    const problems: Problem[] = [];
    const opened = await open(name, (problem) => problems.push(problem));
    return { opened, problems };
  });
  for (const problem of found.flatMap(({ problems }) => problems)) report(problem);
  return found.map(({ opened }) => opened);

  async function open(name: string, tell: (problem: Problem) => void): Promise<OpenedFile> {
    const filePath = joinPath(path, ...name.split("/"));
    const rank = rankOf(name);
    const plain = { name, path: filePath, ...(rank === undefined ? {} : { rank }) };
    let bytes = 0;
    try {
      const source = await files.open(filePath);
      try {
        bytes = source.size;
        const parsed = await readCheckpointFile(source, name, filePath, signal);
        if (files instanceof ParsedOnce) files.keep(filePath, source, parsed);
        for (const problem of parsed.problems) tell({ file: filePath, ...problem });
        const broken = parsed.problems.some(isReadingError);
        const failure = parsed.content === undefined ? "holds no value of torch" : undefined;
        return { file: { ...plain, bytes, status: broken ? "broken" : "ok" }, parsed, failure };
      } finally {
        await source.close();
      }
    } catch (error) {
      if (signal?.aborted || !(error instanceof Error)) throw error;
      const known =
        error instanceof CheckpointError
          ? error.inFile(filePath)
          : new CheckpointError(
              "UnreadableFile",
              `The file could not be read: ${error.message}`,
              undefined,
              filePath,
            );
      tell(known.toProblem());
      return { file: { ...plain, bytes, status: "broken" }, parsed: undefined, failure: "cannot be read" };
    }
  }
}
