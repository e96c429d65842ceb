import type { Problem } from "../problem/problem";
import { plural } from "../text/quantities";

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
  /** Python would call it, so that code of this name runs; set where that code is not known. */
  readonly called?: true;
  /** The member of the archive, or the pickle inside a pickle; undefined for the file itself. */
  readonly where?: string;
}

/** One line for each global of the whole file, worst first. */
export function mergeImports(findings: readonly ImportFinding[]): readonly ImportFinding[] {
  const merged = new Map<string, ImportFinding>();
  for (const finding of findings) {
    const known = merged.get(finding.global);
    if (known === undefined) merged.set(finding.global, finding);
    else {
      const worst = order[finding.verdict] < order[known.verdict] ? finding : known;
      const isCalled = worst.verdict === "unknown" && (known.called ?? finding.called ?? false);
      const count = known.count + finding.count;
      merged.set(finding.global, { ...worst, count, ...(isCalled ? { called: true as const } : {}) });
    }
  }
  return [...merged.values()].sort((a, b) => order[a.verdict] - order[b.verdict]);
}

const order: Record<ImportVerdict, number> = { dangerous: 0, unknown: 1, known: 2 };

const maxNamed = 5;

/** What the report says among a file's problems. Nothing where all imports are known. */
export function importProblems(findings: readonly ImportFinding[]): Problem[] {
  const problems: Problem[] = [];
  for (const found of byPackage(findings.filter(({ verdict }) => verdict === "dangerous"))) {
    const [{ offset, where, global } = { offset: 0, global: "" }] = found;
    const place = where === undefined ? "" : ` in ${where}`;
    const names = found.map((one) => `${one.global}${one.count === 1 ? "" : ` (${one.count} times)`}`);
    const reason = /^(?:ray\.)?cloudpickle\./.test(global)
      ? " So cloudpickle (MLflow, Ray, notebooks) writes classes and functions that cannot be imported by name: as code."
      : "";
    const message =
      `The file would import ${names.join(", ")}${place}, by which code can run when Python loads it.${reason} ` +
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
    const message = `Loading the file in Python needs ${plural(named.length, "class or function", "classes or functions")} that ${named.length === 1 ? "is" : "are"} not on the list of known ones: ${listed(named)}.`;
    problems.push({ severity: "info", code: "UnknownImports", message });
  }
  return problems;
}

/** Packages whose functions are dangerous together, as parts of one way to write. */
const onePackage: ReadonlySet<string> = new Set(["cloudpickle", "dill"]);

/** One cause is one finding: what a pickle takes from such a package. */
function byPackage(findings: readonly ImportFinding[]): ImportFinding[][] {
  const packages = new Map<string, ImportFinding[]>();
  for (const [at, finding] of findings.entries()) {
    const [root = ""] = finding.global.replace(/^ray\.(?=cloudpickle\.)/, "").split(".");
    const key = onePackage.has(root) ? `${root} ${finding.where ?? ""}` : String(at);
    packages.set(key, [...(packages.get(key) ?? []), finding]);
  }
  return [...packages.values()];
}

function listed(findings: readonly ImportFinding[]): string {
  const names = findings.slice(0, maxNamed).map(({ global }) => global);
  const rest = findings.length - names.length;
  return `${names.join(", ")}${rest > 0 ? ` and ${rest} more` : ""}`;
}
