import type { Files } from "../bytes/files";
import { CheckpointError } from "../problem/checkpointError";
import type { Problem } from "../problem/problem";
import { CheckpointSession } from "../session/checkpointSession";
import { fitFindings } from "./baseFit";
import { type BaseSearch, findBaseModel } from "./baseModel";

/** Where the base model of an adapter is. */
export interface BasePlace extends BaseSearch {
  /** Path that the user gave; else it is the base that the configuration names, where it is on this disk. */
  readonly given?: string | undefined;
}

/** Whether an adapter fits its base model. Reads the directory of the base, never its tensors. */
export async function baseProblems(
  files: Files,
  session: CheckpointSession,
  { given, ...search }: BasePlace,
  signal?: AbortSignal,
): Promise<readonly Problem[]> {
  if (session.adapter === undefined) return [];
  const path = given ?? (await findBaseModel(files, session, search));
  if (path === undefined) return [];
  try {
    return fitFindings(session, await CheckpointSession.open(files, path, () => undefined, signal));
  } catch (error) {
    if (!(error instanceof CheckpointError)) throw error;
    const { message } = error.toProblem();
    const severity = given === undefined ? "warning" : "error";
    return [
      { severity, code: "BaseUnreadable", message: `The base model ${path} cannot be read: ${message}` },
    ];
  }
}
