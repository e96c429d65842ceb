/** How much a finding matters: `error` means something could not be read, `warning` that it is read but wrong. */
export type Severity = "error" | "warning" | "info";

/** One finding about a file, told so that a person can act on it. */
export interface Problem {
  readonly severity: Severity;
  /** Stable identifier that scripts may match, e.g. `InvalidOffset`. */
  readonly code: string;
  /** One sentence: what is wrong, where, and what to do about it. */
  readonly message: string;
  /** Path of the file the problem is in, where there is more than one candidate. */
  readonly file?: string;
  /** Byte offset in that file. */
  readonly offset?: number;
  /** Name of the tensor concerned. */
  readonly tensor?: string;
}

/** Worst first, so that a list of problems starts with what stops the user. */
export function compareProblems(a: Problem, b: Problem): number {
  return severityOrder[a.severity] - severityOrder[b.severity];
}

/** What two looks at a checkpoint found, each finding once, worst first. */
export function mergeProblems(known: readonly Problem[], more: readonly Problem[]): readonly Problem[] {
  const keyOf = ({ code, message, tensor }: Problem) => JSON.stringify([code, message, tensor]);
  const told = new Set(known.map(keyOf));
  // A scan counts in every value what a look at some of them has found.
  const isScanned = more.some(({ code }) => code === "NotFinite");
  const before = known.filter(({ code }) => !isScanned || code !== "NotFiniteValues");
  return [...before, ...more.filter((problem) => !told.has(keyOf(problem)))].sort(compareProblems);
}

const severityOrder: Record<Severity, number> = { error: 0, warning: 1, info: 2 };

/** The worst severity in a list, or undefined when there is nothing but information or nothing at all. */
export function worstSeverity(problems: readonly Problem[]): "error" | "warning" | undefined {
  if (problems.some((problem) => problem.severity === "error")) return "error";
  return problems.some((problem) => problem.severity === "warning") ? "warning" : undefined;
}

/** What is wrong; notes beside it are no problems, and are not counted as such. */
export function faultsAmong(problems: readonly Problem[]): readonly Problem[] {
  return problems.filter(({ severity }) => severity !== "info");
}

/** Something could not be read. A dangerous import is as grave, but the file that has it was read. */
export function isReadingError({ severity, code }: Problem): boolean {
  return severity === "error" && code !== "DangerousImport";
}
