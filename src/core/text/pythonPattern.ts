/** A regular expression that Python would refuse, or that is outside what a `PythonPattern` understands. */
export class PatternSyntaxError extends Error {
  override readonly name = "PatternSyntaxError";
}

/** The budget ran out. */
export class PatternBudgetError extends Error {
  override readonly name = "PatternBudgetError";
}

/** Steps that matching may still take, shared by many calls: what a stranger's pattern may cost. */
export interface PatternBudget {
  steps: number;
}

interface Run {
  readonly text: string;
  readonly budget: PatternBudget;
}

type Positions = ReadonlySet<number>;

/** A part of a pattern: from all positions where it may start to all where it may then end. */
interface Part {
  (starts: Positions, run: Run): Positions;
  /** Set where the part is one character. */
  readonly accepts?: (text: string, at: number) => boolean;
}

/** Keys of rank_pattern are module paths; the longest real ones have 150 characters. */
const maxPatternLength = 1000;
const maxNesting = 32;
/** `{m,n}` beyond this can only be an attack. */
const maxRepeat = 1000;

/**
 * A regular expression of Python's `re`, matched without backtracking: of each part the set of all its ends is found
 * from the set of all its starts, so that `(a+)+$` costs what `a+$` costs. The engine's own RegExp serves for single
 * characters alone: patterns come from downloaded files, `.*.*.*x` is honest and slow, and nothing can stop a RegExp
 * that backtracks. Not understood: back references, look-behind, inline flags, atomic groups.
 */
export class PythonPattern {
  private constructor(private readonly whole: Part) {}

  /** @throws PatternSyntaxError */
  static compile(source: string, ignoreCase = false): PythonPattern {
    if (source.length > maxPatternLength) fail(`It is longer than ${maxPatternLength} characters.`);
    return new PythonPattern(new PatternParser(source, ignoreCase ? "i" : "").parse());
  }

  /**
   * Whether the pattern, started at one of `starts`, can end at the end of `text`.
   * @throws PatternBudgetError
   */
  matchesToEnd(text: string, starts: readonly number[], budget: PatternBudget): boolean {
    return this.whole(new Set(starts), { text, budget }).has(text.length);
  }

  /**
   * Whether the pattern matches somewhere in `text`.
   * @throws PatternBudgetError
   */
  occursIn(text: string, budget: PatternBudget): boolean {
    const starts = new Set(Array.from({ length: text.length + 1 }, (_, at) => at));
    return this.whole(starts, { text, budget }).size > 0;
  }
}

/** One atom: brackets, an escape, the beginning of a group, or a character. */
const atomPattern =
  /\[\^?\]?(?:\\[\s\S]|[^\]\\])*\]|\\[\s\S]|\(\?(?:P<[A-Za-z_]\w*>|#[^)]*\)|[\s\S]?)|[\s\S]/y;
const repeatPattern = /(?:([*+?])|\{(?!\})(\d*)(,?)(\d*)\})/y;

class PatternParser {
  private at = 0;
  private depth = 0;

  constructor(
    private readonly source: string,
    /** Of the RegExp of each character. */
    private readonly flags: string,
  ) {}

  parse(): Part {
    const part = this.choice();
    if (this.at < this.source.length) fail("It has a closing parenthesis too many.");
    return part;
  }

  private choice(): Part {
    const items = [this.sequence()];
    while (this.take("|")) items.push(this.sequence());
    return items.length === 1
      ? (items[0] as Part)
      : step((starts, run) => new Set(items.flatMap((item) => [...item(starts, run)])));
  }

  private sequence(): Part {
    const items: Part[] = [];
    while (this.at < this.source.length && !/[|)]/.test(this.source[this.at] as string)) {
      if (this.repeat() !== undefined) fail("It repeats something where there is nothing to repeat.");
      const atom = this.scan(atomPattern)?.[0] ?? "";
      if (!atom.startsWith("(?#")) items.push(this.repeated(atom, this.part(atom)));
    }
    return step((starts, run) =>
      items.reduce((ends, item) => (ends.size === 0 ? ends : item(ends, run)), starts),
    );
  }

  private repeated(atom: string, part: Part): Part {
    const repeat = this.repeat();
    if (repeat === undefined) return part;
    if (assertions.has(atom)) fail("It repeats something where there is nothing to repeat.");
    // Lazy or greedy makes no difference to whether there is a match.
    this.take("?");
    if (this.repeat() !== undefined)
      fail("It repeats a repetition, or possessively, which is not understood.");
    return repeatOf(part, ...repeat);
  }

  private repeat(): readonly [min: number, max: number] | undefined {
    const found = this.scan(repeatPattern);
    if (found === undefined) return undefined;
    const [, sign, low = "", comma, high = ""] = found;
    if (sign !== undefined) return [sign === "+" ? 1 : 0, sign === "?" ? 1 : Number.POSITIVE_INFINITY];
    const min = Number(low);
    const max = comma === "" ? min : high === "" ? Number.POSITIVE_INFINITY : Number(high);
    if (min > max) fail("It repeats at least more often than at most.");
    if (Math.max(min, high === "" ? 0 : max) > maxRepeat) fail(`It repeats more than ${maxRepeat} times.`);
    return [min, max];
  }

  private part(atom: string): Part {
    const assertion = assertions.get(atom);
    if (assertion !== undefined) return where(assertion);
    if (atom.startsWith("(")) return this.group(atom);
    if (atom === "[") fail("A bracket is not closed.");
    if (atom === ".") return character(/[^\n]/);
    const items = atom.startsWith("[") ? setText(atom.slice(1, -1)) : itemText(atom);
    return character(new RegExp(`[${items}]`, this.flags));
  }

  private group(opening: string): Part {
    if (!/^\((?:$|\?[:=!]|\?P<)/.test(opening))
      fail(`Groups that begin with '${opening}' are not understood.`);
    if (++this.depth > maxNesting) fail("Its parentheses are nested too deeply.");
    const inner = this.choice();
    if (!this.take(")")) fail("A parenthesis is not closed.");
    this.depth--;
    if (opening !== "(?=" && opening !== "(?!") return inner;
    return where((at, run) => inner(new Set([at]), run).size > 0 === (opening === "(?="));
  }

  private take(wanted: string): boolean {
    const isThere = this.source[this.at] === wanted;
    if (isThere) this.at++;
    return isThere;
  }

  private scan(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.source) ?? undefined;
    this.at += found?.[0].length ?? 0;
    return found;
  }
}

function step(part: Part): Part {
  return (starts, run) => {
    run.budget.steps -= starts.size + 1;
    if (run.budget.steps < 0) throw new PatternBudgetError("The regular expressions take too long to match.");
    return part(starts, run);
  };
}

function where(test: (at: number, run: Run) => boolean): Part {
  return step((starts, run) => new Set([...starts].filter((at) => test(at, run))));
}

function character(pattern: RegExp): Part {
  const ascii = Array.from({ length: 128 }, (_, code) => pattern.test(String.fromCharCode(code)));
  const accepts = (text: string, at: number) =>
    at < text.length && (ascii[text.charCodeAt(at)] ?? pattern.test(text[at] as string));
  const part = step((starts, { text }) => {
    const ends = new Set<number>();
    for (const at of starts) if (accepts(text, at)) ends.add(at + 1);
    return ends;
  });
  return Object.assign(part, { accepts });
}

function repeatOf(part: Part, min: number, max: number): Part {
  return step((starts, run) => {
    let frontier = starts;
    for (let count = 0; count < min && frontier.size > 0; count++) frontier = part(frontier, run);
    if (part.accepts !== undefined && max === Number.POSITIVE_INFINITY)
      return runsOf(part.accepts, frontier, run);
    const reached = new Set(frontier);
    for (let count = min; count < max && frontier.size > 0; count++) {
      frontier = new Set([...part(frontier, run)].filter((at) => !reached.has(at)));
      for (const at of frontier) reached.add(at);
    }
    return reached;
  });
}

/** `.*` and the like: all positions that a run of the character reaches, in one pass over the text. */
function runsOf(accepts: NonNullable<Part["accepts"]>, starts: Positions, { text, budget }: Run): Positions {
  const reached = new Set(starts);
  for (const start of starts) {
    for (let at = start; accepts(text, at) && !reached.has(at + 1); at++) reached.add(at + 1);
  }
  budget.steps -= reached.size;
  return reached;
}

const assertions = new Map<string, (at: number, run: Run) => boolean>([
  ["^", (at) => at === 0],
  ["\\A", (at) => at === 0],
  ["$", (at, { text }) => at === text.length],
  ["\\Z", (at, { text }) => at === text.length],
  ["\\b", (at, { text }) => isWord(text[at - 1]) !== isWord(text[at])],
  ["\\B", (at, { text }) => isWord(text[at - 1]) === isWord(text[at])],
]);

/** Letters beyond ASCII count as word characters in Python, and no separator of module paths lies there. */
const classes = new Map([
  ["\\d", "0-9"],
  ["\\D", "\\0-\\/:-\\uffff"],
  ["\\w", "0-9A-Z_a-z\\xaa-\\uffff"],
  ["\\W", "\\0-\\/:-@\\[-\\^`\\{-\\xa9"],
  ["\\s", "\\t-\\r \\xa0"],
  ["\\S", "\\0-\\x08\\x0e-\\x1f!-\\x9f\\xa1-\\uffff"],
]);

function isWord(unit: string | undefined): boolean {
  return unit !== undefined && /[0-9A-Z_a-z\xaa-\uffff]/.test(unit);
}

/** What stands in brackets, as JavaScript's brackets have it. */
function setText(body: string): string {
  const [, negation = "", items = ""] = /^(\^?)([\s\S]*)$/.exec(body) ?? [];
  const texts = [...items.matchAll(/(\\[\s\S]|[\s\S])(?:-(\\[\s\S]|[\s\S]))?/g)].map(([, low = "", high]) => {
    if (high === undefined) return itemText(low);
    if (classes.has(low) || classes.has(high) || itemText(low) > itemText(high))
      fail("A range in its brackets is the wrong way round.");
    return `${itemText(low)}-${itemText(high)}`;
  });
  return negation + texts.join("");
}

const controls = new Map([..."nrtfva"].map((letter, at) => [letter, "\n\r\t\f\v\x07"[at] as string]));

/** One character or class, spelt so that JavaScript reads nothing into it. */
function itemText(item: string): string {
  const known = classes.get(item);
  if (known !== undefined) return known;
  const escaped = item.startsWith("\\") ? (item[1] ?? fail("It ends too early.")) : undefined;
  const unit = escaped === undefined ? item : (controls.get(escaped) ?? escaped);
  // Python refuses unknown escapes of letters; the known rest are back references and code points.
  if (/[0-9A-Za-z]/.test(unit) && escaped !== undefined) fail(`The escape '${item}' is not understood.`);
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

function fail(message: string): never {
  throw new PatternSyntaxError(message);
}
