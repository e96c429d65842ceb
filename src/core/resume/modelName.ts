import { modelOf } from "../parts/namesakes";
import { isReadingError } from "../problem/problem";
import type { ResumeSubject } from "./collectResumeInputs";

/** Whether what was opened is weights, and not a part that belongs to some; of a file that is broken it is not another. */
export function isModelItself({ checkpoint, inside }: Pick<ResumeSubject, "checkpoint" | "inside">): boolean {
  const mayHold = checkpoint.tensors.length > 0 || checkpoint.problems.some(isReadingError);
  return mayHold && (inside === undefined || inside.kind === undefined);
}

/**
 * The file of weights that is meant: what was opened, where it is weights, since other files of the folder may be those
 * of other moments; else what the folder has for it. Empty where it has none.
 */
export function modelName(subject: Pick<ResumeSubject, "checkpoint" | "inside" | "folder">): string {
  const { checkpoint, folder } = subject;
  return isModelItself(subject) ? checkpoint.name : (modelOf(checkpoint.name, folder.files) ?? "");
}
