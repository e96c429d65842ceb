import type { Files } from "../bytes/files";
import { limitedFiles, ReadAllowance, ReadLimitError } from "../bytes/limitedFiles";
import { CheckpointError } from "../problem/checkpointError";
import { maxProbeBytes } from "../problem/limits";
import { compareProblems, isReadingError, type Problem } from "../problem/problem";
import { CheckpointSession } from "../session/checkpointSession";
import { sampledFindings } from "../session/sampledValues";
import type { BaseSearch } from "./baseModel";
import { baseProblems } from "./baseProblems";

/** Problems that one row of a list can carry. */
const maxRowProblems = 16;

/** Warnings about settings, alike in every checkpoint of a run: Health tells them, a row has room for faults. */
const ofSettings: ReadonlySet<string> = new Set(["UnmatchedPattern", "LoraRankMismatch", "LokrScale"]);

export interface RowHealthOptions extends BaseSearch {
  /** What many looks share. */
  readonly allowance: ReadAllowance;
  readonly signal?: AbortSignal | undefined;
}

/**
 * What the rules of health say of the weights of a checkpoint, for a list of many: by names, shapes, configuration,
 * base model and as many values as a look may read. Undefined where the allowance is used up; less than all for
 * files whose directory is longer than a look.
 */
export async function rowHealth(
  files: Files,
  path: string,
  { allowance, signal, ...search }: RowHealthOptions,
): Promise<readonly Problem[] | undefined> {
  const limited = () => limitedFiles(files, new ReadAllowance(maxProbeBytes), allowance);
  const found: Problem[] = [];
  try {
    const session = await CheckpointSession.open(limited(), path, () => undefined, signal, false);
    const told = await session.health(signal, false);
    const isShown = ({ severity, code }: Problem) =>
      severity === "error" || (severity === "warning" && !ofSettings.has(code));
    found.push(...told.filter(isShown));
    if (!found.some(isReadingError)) found.push(...(await sampledFindings(session, signal)));
    found.push(...(await baseProblems(limited(), session, search, signal)));
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof ReadLimitError && error.allowance === allowance) return undefined;
    if (!(error instanceof ReadLimitError || error instanceof CheckpointError)) throw error;
    // Why a file cannot be opened is told by the look at it as a file, which reads no GGUF and no TensorFlow.
    const isKnown =
      error instanceof ReadLimitError || !/\.(?:gguf|index)$/.test(path) || error.code === "EmptyFile";
    if (!isKnown) found.push({ file: path, ...error.toProblem() });
  }
  return found.sort(compareProblems).slice(0, maxRowProblems);
}
