import type { Problem } from "../../problem/problem";
import { plural } from "../../text/quantities";
import { isDangerousGlobal } from "./dangerousGlobals";
import type { PickleImport } from "./importLog";
import { isKnownGlobal } from "./knownGlobals";

export type ImportVerdict = "known" | "unknown" | "dangerous";

/** One thing that loading the file in Python would import. Here it was not. */
export interface ImportFinding {
  /** Module and name, joined by a dot. */
  readonly global: string;
  readonly verdict: ImportVerdict;
  /** How often the file names it. */
  readonly count: number;
  /** Of the first opcode that names it, in the pickle that `where` says. */
  readonly offset: number;
  /** The member of the archive, or the pickle inside a pickle; undefined for the file itself. */
  readonly where?: string;
}

/** Imports of one pickle, with a verdict each. `shift` is where the pickle's stream begins in the file. */
export function judgeImports(imports: readonly PickleImport[], where?: string, shift = 0): ImportFinding[] {
  return imports.map((found) => ({
    global: found.computed ? `${found.module}.${found.name} (computed)` : `${found.module}.${found.name}`,
    verdict: verdictOf(found),
    count: found.count,
    offset: found.offset + shift,
    ...(where === undefined ? {} : { where }),
  }));
}

function verdictOf({ module, name, computed, calledIndirectly }: PickleImport): ImportVerdict {
  // A name that is only known once the pickle runs can be any name.
  if (computed || calledIndirectly || isDangerousGlobal(module, name)) return "dangerous";
  return isKnownGlobal(module, name) ? "known" : "unknown";
}

/** One line for each global of the whole file, worst first. */
export function mergeImports(findings: readonly ImportFinding[]): readonly ImportFinding[] {
  const merged = new Map<string, ImportFinding>();
  for (const finding of findings) {
    const known = merged.get(finding.global);
    if (known === undefined) merged.set(finding.global, finding);
    else {
      const worst = order[finding.verdict] < order[known.verdict] ? finding : known;
      merged.set(finding.global, { ...worst, count: known.count + finding.count });
    }
  }
  return [...merged.values()].sort((a, b) => order[a.verdict] - order[b.verdict]);
}

const order: Record<ImportVerdict, number> = { dangerous: 0, unknown: 1, known: 2 };

const maxNamed = 5;

/** What the report says among a file's problems. Nothing where all imports are known. */
export function importProblems(findings: readonly ImportFinding[]): Problem[] {
  const problems: Problem[] = [];
  for (const { global, count, offset, where } of findings.filter(({ verdict }) => verdict === "dangerous")) {
    const place = where === undefined ? "" : ` in ${where}`;
    const times = count === 1 ? "" : ` (${count} times)`;
    const message =
      `The file would import ${global}${times}${place}, by which code can run when Python loads it. ` +
      "Nothing was executed here. Do not load this file with torch.load or pickle.";
    problems.push({ severity: "error", code: "DangerousImport", message, offset });
  }
  const unknown = findings.filter(({ verdict }) => verdict === "unknown");
  if (unknown.length > 0) {
    const named = unknown.slice(0, maxNamed).map(({ global }) => global);
    const list = `${named.join(", ")}${unknown.length > maxNamed ? ", …" : ""}`;
    const message = `Loading the file in Python needs ${plural(unknown.length, "class or function", "classes or functions")} that are not on the list of known ones: ${list}.`;
    problems.push({ severity: "info", code: "UnknownImports", message });
  }
  return problems;
}
