import type { Problem } from "../../problem/problem";
import { plural } from "../../text/quantities";
import type { ImportFinding } from "../importFinding";
import { isDangerousGlobal } from "./dangerousGlobals";
import type { PickleImport } from "./importLog";
import { isKnownGlobal } from "./knownGlobals";

/** Imports of one pickle, with a verdict each. `shift` is where the pickle's stream begins in the file. */
export function judgeImports(imports: readonly PickleImport[], where?: string, shift = 0): ImportFinding[] {
  return imports.map((found) => ({
    global: found.computed ? `${found.module}.${found.name} (computed)` : `${found.module}.${found.name}`,
    ...verdictOf(found),
    count: found.count,
    offset: found.offset + shift,
    ...(where === undefined ? {} : { where }),
  }));
}

function verdictOf({
  module,
  name,
  computed,
  called,
  alarm,
}: PickleImport): Pick<ImportFinding, "verdict" | "called"> {
  // A name that is only known once the pickle runs can be any name.
  if (computed || alarm || isDangerousGlobal(module, name)) return { verdict: "dangerous" };
  if (isKnownGlobal(module, name)) return { verdict: "known" };
  return { verdict: "unknown", ...(called ? { called } : {}) };
}

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
  const called = unknown.filter((finding) => finding.called);
  if (called.length > 0) {
    const message = `Loading the file in Python would run code of ${listed(called)}, which is not known here. Load it only if you trust who made it.`;
    problems.push({ severity: "warning", code: "UnknownCalls", message });
  }
  const named = unknown.filter((finding) => !finding.called);
  if (named.length > 0) {
    const message = `Loading the file in Python needs ${plural(named.length, "class or function", "classes or functions")} that are not on the list of known ones: ${listed(named)}.`;
    problems.push({ severity: "info", code: "UnknownImports", message });
  }
  return problems;
}

function listed(findings: readonly ImportFinding[]): string {
  const names = findings.slice(0, maxNamed).map(({ global }) => global);
  const rest = findings.length - names.length;
  return `${names.join(", ")}${rest > 0 ? ` and ${rest} more` : ""}`;
}
