import { maxShownNameLength } from "./limits";
import type { Problem } from "./problem";

/**
 * Collects problems up to a bound for each code and then counts: a hostile header can hold a million of one kind,
 * and they must not crowd out the one that says that the file is cut.
 */
export class ProblemList {
  private readonly listed: Problem[] = [];
  private readonly counts = new Map<string, number>();

  constructor(private readonly maxListed: number) {}

  add(problem: Problem): void {
    this.addLazily(problem.code, () => problem);
  }

  /** `describe` is called only if the problem will be listed: a million messages and offsets take long to make. */
  addLazily(code: string, describe: () => Problem): void {
    const count = (this.counts.get(code) ?? 0) + 1;
    this.counts.set(code, count);
    if (count <= this.maxListed) this.listed.push(withShortName(describe()));
  }

  has(code: string): boolean {
    return this.counts.has(code);
  }

  toArray(): Problem[] {
    const omitted = [...this.counts].filter(([, count]) => count > this.maxListed);
    return [...this.listed, ...omitted.map(([code, count]) => describeOmitted(code, count - this.maxListed))];
  }
}

/** As long as the tensor table shows it, so that it still finds its row. */
function withShortName(problem: Problem): Problem {
  if (problem.tensor === undefined || problem.tensor.length <= maxShownNameLength) return problem;
  return { ...problem, tensor: problem.tensor.slice(0, maxShownNameLength) };
}

function describeOmitted(code: string, count: number): Problem {
  const what = count === 1 ? "1 more problem" : `${count.toLocaleString("en")} more problems`;
  return { severity: "info", code: "MoreProblems", message: `${what} of the kind ${code} not listed.` };
}
