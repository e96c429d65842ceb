import { inRanges, type PatternNode, parsePattern, wordRanges } from "./patternSyntax";

/** Steps that matching may still take, shared by many calls: what a stranger's pattern may cost. */
export interface PatternBudget {
  steps: number;
}

/** The budget ran out. */
export class PatternBudgetError extends Error {
  override readonly name = "PatternBudgetError";
}

/**
 * A regular expression of Python's `re`, matched without backtracking: for each part the set of all positions
 * where it can end is computed from the set of positions where it can start. So `(a+)+$` costs what `a+$`
 * costs. The engine's own RegExp would be simpler, but patterns come from downloaded files and nothing can
 * stop a RegExp that backtracks. Not understood: back references, look-behind, inline flags, atomic groups.
 */
export class PythonPattern {
  private constructor(private readonly root: PatternNode) {}

  /** @throws PatternSyntaxError */
  static compile(source: string): PythonPattern {
    return new PythonPattern(parsePattern(source));
  }

  /**
   * Whether the pattern, started at one of `starts`, can end at the end of `text`.
   * @throws PatternBudgetError
   */
  matchesToEnd(text: string, starts: readonly number[], budget: PatternBudget): boolean {
    return new Matcher(text, budget).ends(this.root, new Set(starts)).has(text.length);
  }
}

class Matcher {
  constructor(
    private readonly text: string,
    private readonly budget: PatternBudget,
  ) {}

  ends(node: PatternNode, starts: ReadonlySet<number>): ReadonlySet<number> {
    this.budget.steps -= starts.size + 1;
    if (this.budget.steps < 0)
      throw new PatternBudgetError("The regular expressions take too long to match.");
    switch (node.kind) {
      case "set":
        return this.afterCharacter(starts, node.ranges, node.negated);
      case "sequence":
        return this.afterSequence(starts, node.items);
      case "choice":
        return new Set(node.items.flatMap((item) => [...this.ends(item, starts)]));
      case "repeat":
        return this.afterRepeat(starts, node.item, node.min, node.max);
      case "ahead":
        return this.where(starts, (at) => this.ends(node.item, new Set([at])).size > 0 !== node.negated);
      case "start":
        return this.where(starts, (at) => at === 0);
      case "end":
        return this.where(starts, (at) => at === this.text.length);
      case "boundary":
        return this.where(starts, (at) => this.isWord(at - 1) !== this.isWord(at));
      case "noBoundary":
        return this.where(starts, (at) => this.isWord(at - 1) === this.isWord(at));
    }
  }

  private afterSequence(starts: ReadonlySet<number>, items: readonly PatternNode[]): ReadonlySet<number> {
    let positions = starts;
    for (const item of items) {
      if (positions.size === 0) break;
      positions = this.ends(item, positions);
    }
    return positions;
  }

  private where(starts: ReadonlySet<number>, test: (at: number) => boolean): ReadonlySet<number> {
    return new Set([...starts].filter(test));
  }

  private isWord(at: number): boolean {
    return at >= 0 && at < this.text.length && inRanges(this.text.charCodeAt(at), wordRanges);
  }

  private afterCharacter(
    starts: ReadonlySet<number>,
    ranges: readonly number[],
    negated: boolean,
  ): Set<number> {
    const ends = new Set<number>();
    for (const at of starts) {
      if (at < this.text.length && inRanges(this.text.charCodeAt(at), ranges) !== negated) ends.add(at + 1);
    }
    return ends;
  }

  private afterRepeat(starts: ReadonlySet<number>, item: PatternNode, min: number, max: number): Set<number> {
    let frontier = starts;
    for (let count = 0; count < min && frontier.size > 0; count++) frontier = this.ends(item, frontier);
    const reached = new Set(frontier);
    for (let count = min; count < max && frontier.size > 0; count++) {
      const next = new Set<number>();
      for (const at of this.ends(item, frontier)) {
        if (!reached.has(at)) next.add(at);
      }
      for (const at of next) reached.add(at);
      frontier = next;
    }
    return reached;
  }
}
