import type { OpenedFiles } from "../checkpoint/openedFiles";
import { flax } from "../formats/flax/flax";
import { hdf5 } from "../formats/hdf5/hdf5";
import { importProblems, mergeImports } from "../formats/importFinding";
import { containerKind } from "../formats/inside/containerKind";
import { Look } from "../formats/inside/look";
import { isTar } from "../formats/tar/tarDirectory";
import { CheckpointError } from "../problem/checkpointError";
import type { Problem } from "../problem/problem";

/** What a file is whose name says nothing does not matter; what Python would run where it loads it does. */
const ofCode: ReadonlySet<string> = new Set([
  "DangerousImport",
  "UnknownCalls",
  "ComputedImport",
  "CrossedFrame",
  "CompressedFile",
  "NestedPickleLimit",
  "PickleLimit",
  "TooManyImports",
]);

/** Names of pickles that are compressed; other compressed files are data. */
const namedPickle = /\.(?:pkl|pickle|p|joblib|dill|sav|pth?|ckpt|bin)\b/i;

const maxHeadBytes = 512;

/** What Python would import from a file whatever it is called, where it begins like a pickle or an archive. */
export async function importsBeside(
  opened: OpenedFiles,
  path: string,
  signal?: AbortSignal,
): Promise<readonly Problem[]> {
  const source = await opened.files.open(path);
  try {
    const head = await source.read(0, Math.min(source.size, maxHeadBytes), signal);
    const isContainer = containerKind(head) !== undefined || isTar(head);
    if (!isContainer && ![flax, hdf5].some((format) => format.matches(head))) return [];
    const isTold = ({ code }: Problem) =>
      ofCode.has(code) && (code !== "CompressedFile" || namedPickle.test(path));
    const { problems, isRead } = await asCheckpoint(opened, path, signal);
    const asFile = problems.filter(isTold);
    // A reader that knows the file knows which of its bytes are numbers, and may begin like anything.
    if (isRead || asFile.length > 0 || !isContainer) return asFile;
    const look = new Look(source.size, signal);
    await look.intoSource(source, undefined);
    return [...importProblems(mergeImports(look.imports)), ...look.foundProblems].filter(isTold);
  } finally {
    await source.close();
  }
}

async function asCheckpoint(
  opened: OpenedFiles,
  path: string,
  signal?: AbortSignal,
): Promise<{ readonly problems: readonly Problem[]; readonly isRead: boolean }> {
  try {
    const { problems } = await opened.open(path, signal);
    return { problems, isRead: true };
  } catch (error) {
    if (error instanceof CheckpointError) return { problems: [error.toProblem()], isRead: false };
    throw error;
  }
}
