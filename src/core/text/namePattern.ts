import { type PatternBudget, PatternBudgetError, PatternSyntaxError, PythonPattern } from "./pythonPattern";

export type NameTest = (name: string) => boolean;

/** Steps that the engine's RegExp may take at worst for one name, and between two looks at the clock; under 0.1 s. */
const nativeSteps = 20_000_000;

/** Time for all names of a table. Few names are the worst of their length, so steps alone would give up too early. */
const nativeMs = 500;

/** Steps for the patterns that do not backtrack, over all names; one or two seconds. */
const searchSteps = 25_000_000;

/**
 * Tells which names a regular expression matches somewhere, in any case. Names come from strangers, and `(a+)+$` typed
 * over a name of many `a` would freeze the page for ever. So the engine's RegExp, which backtracks and cannot be
 * stopped, is used where a name's worst case is affordable and time is left; the other names are matched without
 * backtracking, which finds the same.
 * @throws SyntaxError where it is none. The test throws one where it takes too long
 */
export function namePattern(source: string): NameTest {
  const native = new RegExp(source, "i");
  const ways = waysOf(source);
  const deadline = Date.now() + nativeMs;
  let late = false;
  let untimed = 0;
  let search: NameTest | undefined;
  return (name) => {
    const steps = worstSteps(name.length, ways);
    untimed += steps;
    if (untimed > nativeSteps) {
      late ||= Date.now() > deadline;
      untimed = steps;
    }
    if (steps <= nativeSteps && !late) return native.test(name);
    search ??= boundedSearch(source);
    return search(name);
  };
}

/** What makes an expression try more than once at one place. */
interface Ways {
  /** What repeats, or stands for a part again: each may end at any place. Infinite where one repeats another. */
  readonly repeats: number;
  /** Product of the numbers of alternatives of each group, by the characters that each way may compare. */
  readonly choices: number;
}

/** Ways to choose where the match begins and where each repetition ends, in order: n over k, or so. */
function worstSteps(length: number, { repeats, choices }: Ways): number {
  if (repeats > 64) return Number.POSITIVE_INFINITY;
  let steps = (length + 1) * choices;
  for (let at = 1; at <= repeats; at++) steps *= (length + 1) / (at + 1) + 1;
  return steps;
}

function waysOf(source: string): Ways {
  const text = bare(source);
  const open: { alternatives: number; varies: boolean }[] = [{ alternatives: 1, varies: false }];
  let repeats = 0;
  let choices = 1;
  for (const [at, letter] of [...text].entries()) {
    const group = open.at(-1) as (typeof open)[number];
    if (letter === "(") open.push({ alternatives: 1, varies: false });
    else if (letter === "|") group.alternatives++;
    else if (letter === ")" && open.length > 1) {
      open.pop();
      choices *= group.alternatives;
      const varies = group.varies || group.alternatives > 1;
      if (varies && /^(?:[*+]|\{)/.test(text.slice(at + 1))) repeats = Number.POSITIVE_INFINITY;
      if (varies) (open.at(-1) as typeof group).varies = true;
    } else if (/[*+?{\\]/.test(letter)) {
      repeats++;
      group.varies = true;
      if (/^\{(?:\d*,)?\d{4}/.test(text.slice(at))) repeats = Number.POSITIVE_INFINITY;
    }
  }
  choices *= open[0]?.alternatives ?? 1;
  return { repeats, choices: choices === 1 ? 1 : choices * source.length };
}

/** The expression with what is escaped or in brackets made plain; back references stay. */
function bare(source: string): string {
  return source
    .replace(/\\[^1-9k]|\[(?:\\[\s\S]|[^\]\\])*\]/g, "x")
    .replace(/\(\?(?:[:=!]|<[=!]|<\w+>)/g, "(");
}

function boundedSearch(source: string): NameTest {
  const budget: PatternBudget = { steps: searchSteps };
  try {
    const pattern = PythonPattern.compile(source, true);
    return (name) => withoutBudgetError(() => pattern.occursIn(name, budget));
  } catch (error) {
    if (!(error instanceof PatternSyntaxError)) throw error;
    throw new SyntaxError(`It could take too long, and cannot be matched another way: ${error.message}`);
  }
}

function withoutBudgetError(match: () => boolean): boolean {
  try {
    return match();
  } catch (error) {
    if (!(error instanceof PatternBudgetError)) throw error;
    throw new SyntaxError("It takes too long to match with these names.");
  }
}
