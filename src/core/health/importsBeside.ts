import type { OpenedFiles } from "../checkpoint/openedFiles";
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
    if (containerKind(head) === undefined && !isTar(head)) return [];
    const isTold = ({ code }: Problem) =>
      ofCode.has(code) && (code !== "CompressedFile" || namedPickle.test(path));
    const asFile = (await problemsOf(opened, path, signal)).filter(isTold);
    if (asFile.length > 0) return asFile;
    // As another kind of file, or as none at all, it may still hold pickles.
    const look = new Look(source.size, signal);
    await look.intoSource(source, undefined);
    return [...importProblems(mergeImports(look.imports)), ...look.foundProblems].filter(isTold);
  } finally {
    await source.close();
  }
}

async function problemsOf(
  opened: OpenedFiles,
  path: string,
  signal?: AbortSignal,
): Promise<readonly Problem[]> {
  try {
    return (await opened.open(path, signal)).problems;
  } catch (error) {
    if (error instanceof CheckpointError) return [];
    throw error;
  }
}
