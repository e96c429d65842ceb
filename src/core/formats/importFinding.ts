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
