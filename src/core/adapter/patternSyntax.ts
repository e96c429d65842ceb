/** A regular expression that Python would refuse, or that is outside what a `PythonPattern` understands. */
export class PatternSyntaxError extends Error {
  override readonly name = "PatternSyntaxError";
}

/** Keys of rank_pattern are module paths; the longest real ones have 150 characters. */
const maxPatternLength = 1000;
const maxNesting = 32;
/** `{m,n}` beyond this can only be an attack. */
const maxRepeat = 1000;

/** `set` is one character: `ranges` holds pairs of first and last code, both included. */
export type PatternNode =
  | { readonly kind: "set"; readonly ranges: readonly number[]; readonly negated: boolean }
  | { readonly kind: "sequence" | "choice"; readonly items: readonly PatternNode[] }
  | { readonly kind: "repeat"; readonly item: PatternNode; readonly min: number; readonly max: number }
  | { readonly kind: "ahead"; readonly item: PatternNode; readonly negated: boolean }
  | { readonly kind: "start" | "end" | "boundary" | "noBoundary" };

/** @throws PatternSyntaxError */
export function parsePattern(source: string): PatternNode {
  if (source.length > maxPatternLength) {
    throw new PatternSyntaxError(`It is longer than ${maxPatternLength} characters.`);
  }
  return new PatternParser(source).parse();
}

/** `ranges` holds pairs: first and last code, both included. */
export function inRanges(code: number, ranges: readonly number[]): boolean {
  for (let i = 0; i + 1 < ranges.length; i += 2) {
    if (code >= (ranges[i] as number) && code <= (ranges[i + 1] as number)) return true;
  }
  return false;
}

const digitRanges = [0x30, 0x39];
/** Letters beyond ASCII count as word characters in Python, and no separator of module paths lies there. */
export const wordRanges = [0x30, 0x39, 0x41, 0x5a, 0x5f, 0x5f, 0x61, 0x7a, 0xaa, 0xffff];
const spaceRanges = [0x09, 0x0d, 0x20, 0x20, 0xa0, 0xa0];
const newlineRange = [0x0a, 0x0a];

const classEscapes = new Map<string, { readonly ranges: readonly number[]; readonly negated: boolean }>([
  ["d", { ranges: digitRanges, negated: false }],
  ["D", { ranges: digitRanges, negated: true }],
  ["w", { ranges: wordRanges, negated: false }],
  ["W", { ranges: wordRanges, negated: true }],
  ["s", { ranges: spaceRanges, negated: false }],
  ["S", { ranges: spaceRanges, negated: true }],
]);

const assertionEscapes = new Map<string, PatternNode>([
  ["A", { kind: "start" }],
  ["Z", { kind: "end" }],
  ["b", { kind: "boundary" }],
  ["B", { kind: "noBoundary" }],
]);

const controlEscapes = new Map([
  ["n", 0x0a],
  ["t", 0x09],
  ["r", 0x0d],
  ["f", 0x0c],
  ["v", 0x0b],
  ["a", 0x07],
]);

class PatternParser {
  private at = 0;
  private depth = 0;

  constructor(private readonly source: string) {}

  parse(): PatternNode {
    const node = this.choice();
    if (this.at < this.source.length) this.fail("It has a closing parenthesis too many.");
    return node;
  }

  private choice(): PatternNode {
    const items = [this.sequence()];
    while (this.take("|")) items.push(this.sequence());
    return items.length === 1 ? (items[0] as PatternNode) : { kind: "choice", items };
  }

  private sequence(): PatternNode {
    const items: PatternNode[] = [];
    while (this.at < this.source.length && !this.looking("|") && !this.looking(")")) {
      const atom = this.atom();
      if (atom !== undefined) items.push(this.quantified(atom));
    }
    return { kind: "sequence", items };
  }

  private quantified(atom: PatternNode): PatternNode {
    const counts = this.quantifier();
    if (counts === undefined) return atom;
    if (isAssertion(atom)) this.fail("It repeats something where there is nothing to repeat.");
    if (this.looking("+")) this.fail("Possessive quantifiers are not understood.");
    // Lazy or greedy makes no difference to whether there is a match.
    this.take("?");
    if (this.quantifier() !== undefined) this.fail("It repeats a repetition.");
    return { kind: "repeat", item: atom, ...counts };
  }

  private quantifier(): { readonly min: number; readonly max: number } | undefined {
    if (this.take("*")) return { min: 0, max: Number.POSITIVE_INFINITY };
    if (this.take("+")) return { min: 1, max: Number.POSITIVE_INFINITY };
    if (this.take("?")) return { min: 0, max: 1 };
    const braces = /^\{(\d*)(,?)(\d*)\}/.exec(this.source.slice(this.at, this.at + 32));
    if (braces === null || braces[0] === "{}" || braces[0] === "{,}") return undefined;
    const [text, low = "", comma, high = ""] = braces;
    const min = Number(low);
    const max = comma === "" ? min : high === "" ? Number.POSITIVE_INFINITY : Number(high);
    if (min > max) this.fail("It repeats at least more often than at most.");
    if (min > maxRepeat || (max > maxRepeat && max !== Number.POSITIVE_INFINITY)) {
      this.fail(`It repeats more than ${maxRepeat} times.`);
    }
    this.at += text.length;
    return { min, max };
  }

  /** Undefined for a comment. */
  private atom(): PatternNode | undefined {
    if (this.quantifier() !== undefined) this.fail("It repeats something where there is nothing to repeat.");
    const character = this.next();
    switch (character) {
      case ".":
        return { kind: "set", ranges: newlineRange, negated: true };
      case "^":
        return { kind: "start" };
      case "$":
        return { kind: "end" };
      case "(":
        return this.group();
      case "[":
        return this.set();
      case "\\":
        return this.escape();
      default:
        return literal(character.charCodeAt(0));
    }
  }

  private group(): PatternNode | undefined {
    if (++this.depth > maxNesting) this.fail("Its parentheses are nested too deeply.");
    const node = this.groupBody();
    if (!this.take(")")) this.fail("A parenthesis is not closed.");
    this.depth--;
    return node;
  }

  private groupBody(): PatternNode | undefined {
    if (!this.take("?")) return this.choice();
    if (this.take(":")) return this.choice();
    if (this.take("=")) return { kind: "ahead", item: this.choice(), negated: false };
    if (this.take("!")) return { kind: "ahead", item: this.choice(), negated: true };
    if (this.take("#")) {
      while (this.at < this.source.length && !this.looking(")")) this.at++;
      return undefined;
    }
    const name = /^P<[A-Za-z_]\w*>/.exec(this.source.slice(this.at));
    if (name === null)
      return this.fail(`Groups that begin with '(?${this.source[this.at] ?? ""}' are not understood.`);
    this.at += name[0].length;
    return this.choice();
  }

  private escape(): PatternNode {
    const character = this.next();
    const known = classEscapes.get(character);
    if (known !== undefined) return { kind: "set", ...known };
    return assertionEscapes.get(character) ?? literal(this.escapedCode(character));
  }

  private escapedCode(character: string): number {
    const control = controlEscapes.get(character);
    if (control !== undefined) return control;
    // Python refuses unknown escapes of letters; the known rest are back references and code points.
    if (/[0-9A-Za-z]/.test(character)) this.fail(`The escape '\\${character}' is not understood.`);
    return character.charCodeAt(0);
  }

  private set(): PatternNode {
    const negated = this.take("^");
    const ranges: number[] = [];
    for (let first = true; first || !this.looking("]"); first = false) {
      const low = this.setItem(ranges);
      if (low === undefined) continue;
      const isRange = this.looking("-") && this.source[this.at + 1] !== "]";
      if (isRange) this.at++;
      const high = isRange ? this.setItem(ranges) : low;
      if (high === undefined || high < low)
        return this.fail("A range in its brackets is the wrong way round.");
      ranges.push(low, high);
    }
    this.at++;
    return { kind: "set", ranges, negated };
  }

  /** The code of one character, or undefined when it was a class such as `\d`, which goes into `ranges`. */
  private setItem(ranges: number[]): number | undefined {
    const character = this.next();
    if (character !== "\\") return character.charCodeAt(0);
    const escaped = this.next();
    const known = classEscapes.get(escaped);
    if (known === undefined) return escaped === "b" ? 0x08 : this.escapedCode(escaped);
    ranges.push(...(known.negated ? complement(known.ranges) : known.ranges));
    return undefined;
  }

  private looking(character: string): boolean {
    return this.source[this.at] === character;
  }

  private take(character: string): boolean {
    if (!this.looking(character)) return false;
    this.at++;
    return true;
  }

  private next(): string {
    return this.source[this.at++] ?? this.fail("It ends too early.");
  }

  private fail(message: string): never {
    throw new PatternSyntaxError(message);
  }
}

function isAssertion({ kind }: PatternNode): boolean {
  return kind === "start" || kind === "end" || kind === "boundary" || kind === "noBoundary";
}

function literal(code: number): PatternNode {
  return { kind: "set", ranges: [code, code], negated: false };
}

function complement(ranges: readonly number[]): number[] {
  const result: number[] = [];
  let next = 0;
  for (let i = 0; i + 1 < ranges.length; i += 2) {
    if ((ranges[i] as number) > next) result.push(next, (ranges[i] as number) - 1);
    next = (ranges[i + 1] as number) + 1;
  }
  if (next <= 0xffff) result.push(next, 0xffff);
  return result;
}
