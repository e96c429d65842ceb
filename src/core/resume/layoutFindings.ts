import type { Files } from "../bytes/files";
import { joinPath } from "../bytes/paths";
import { maxListedFiles } from "../problem/limits";
import type { ProgressInputs, ResumeInputs } from "./resumeInputs";
import type { ResumeCheck, ResumeTopic, ResumeVerdict } from "./resumeReport";

/** What a layout of its own (shards of many processes, a recipe's file elsewhere) says in place of the usual files. */
export interface LayoutFindings {
  readonly checks: readonly ResumeCheck[];
  readonly progress: ProgressInputs | undefined;
  readonly worldSize: ResumeInputs["worldSize"];
  /** All that counts steps in this layout. */
  readonly steps: readonly StepStatement[];
}

export interface StepStatement {
  readonly who: string;
  readonly step: number;
}

export function judged(what: ResumeTopic, verdict: ResumeVerdict, reason: string): ResumeCheck {
  return { what, verdict, reason };
}

export interface ListedFile {
  readonly name: string;
  readonly path: string;
  readonly kind: "file" | "directory";
}

/** A folder's entries; none where it cannot be listed. */
export async function listOrNothing(files: Files, folder: string): Promise<readonly ListedFile[]> {
  try {
    const entries = await files.list(folder);
    return entries
      .slice(0, maxListedFiles)
      .map(({ name, kind }) => ({ name, kind, path: joinPath(folder, name) }));
  } catch {
    return [];
  }
}

const maxNamed = 5;

/** "2, 3, 5 and 7 more" */
export function namedNumbers(numbers: readonly number[]): string {
  const shown = numbers.slice(0, maxNamed).join(", ");
  return numbers.length > maxNamed ? `${shown} and ${numbers.length - maxNamed} more` : shown;
}

/** Numbers from 0 below `count` that are not among those given. */
export function missingNumbers(present: Iterable<number>, count: number): number[] {
  const have = new Set(present);
  const missing: number[] = [];
  for (let number = 0; number < Math.min(count, 100_000); number++)
    if (!have.has(number)) missing.push(number);
  return missing;
}
