import { importProblems, mergeImports } from "../formats/importFinding";
import type { Checkpoint } from "./checkpoint";

/** A checkpoint with the values of its content that take reads of their own, and what was found in these. */
export async function withValues(checkpoint: Checkpoint, signal?: AbortSignal): Promise<Checkpoint> {
  const values = await checkpoint.readValues?.(signal);
  if (values === undefined) return checkpoint;
  const { content, imports = [], problems = [] } = values;
  const all = mergeImports([...(checkpoint.imports ?? []), ...imports]);
  return {
    ...checkpoint,
    content,
    ...(checkpoint.imports === undefined && imports.length === 0 ? {} : { imports: all }),
    problems: [
      ...checkpoint.problems,
      ...[...importProblems(imports), ...problems].map((problem) => ({ file: checkpoint.path, ...problem })),
    ],
  };
}
