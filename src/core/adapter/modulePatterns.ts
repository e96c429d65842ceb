import type { Problem } from "../problem/problem";
import {
  type PatternBudget,
  PatternBudgetError,
  PatternSyntaxError,
  PythonPattern,
} from "../text/pythonPattern";

/** About a second of matching; 10,000 modules against 20 real expressions take a twentieth of it. */
const stepBudget = 20_000_000;

/** A file of per-module keys has as many keys as modules, but those are plain paths. */
const maxExpressions = 1000;

/** Arrangements of dots among keys of one length; real files have fewer than ten. */
const maxArrangements = 64;

interface Expression {
  readonly order: number;
  readonly value: number;
  readonly pattern: PythonPattern;
}

/** Where a plain key stands in the file, and what it is for. */
interface PlainKey {
  readonly order: number;
  readonly value: number;
}

/**
 * PEFT's `rank_pattern` and `alpha_pattern`: the value of the first key for which Python's
 * `re.match("(.*\.)?(KEY)$", module)` succeeds (peft/utils/other.py, get_pattern_key). Keys are regular
 * expressions, but nearly all are plain paths, often one per module. Those are looked up in tables, so that
 * 10,000 modules with 10,000 keys take milliseconds; only the others are matched one by one, under a budget.
 */
export class ModulePatterns {
  private readonly plain = new PlainKeys();
  private readonly expressions: Expression[] = [];
  private readonly budget: PatternBudget = { steps: stepBudget };
  private readonly found: Problem[] = [];

  /** @param field The name of the pattern in the configuration, for messages. */
  constructor(
    private readonly field: string,
    patterns: ReadonlyMap<string, number>,
  ) {
    let order = 0;
    for (const [key, value] of patterns) {
      if (!this.plain.add(key, { order, value })) this.addExpression(key, order, value);
      order++;
    }
  }

  /** Keys that could not be used. Complete when every module has been looked up. */
  get problems(): readonly Problem[] {
    return this.found;
  }

  /** The value for a module path without `base_model.model.`, or undefined when no key matches. */
  find(module: string): number | undefined {
    let best = this.plain.find(module);
    for (const expression of this.expressions) {
      if (best !== undefined && best.order < expression.order) break;
      if (!this.matches(expression.pattern, module)) continue;
      best = expression;
      break;
    }
    return best?.value;
  }

  private addExpression(key: string, order: number, value: number): void {
    if (this.expressions.length >= maxExpressions) {
      this.report(`Only the first ${maxExpressions} regular expressions of ${this.field} are used.`);
      return;
    }
    try {
      this.expressions.push({ order, value, pattern: PythonPattern.compile(key) });
    } catch (error) {
      if (!(error instanceof PatternSyntaxError)) throw error;
      const shown = key.length > 100 ? `${key.slice(0, 100)}…` : key;
      this.report(
        `The key ${JSON.stringify(shown)} of ${this.field} is not usable as a regular expression: ` +
          `${error.message} It is ignored, so the modules it means may show a wrong scale.`,
      );
    }
  }

  private matches(pattern: PythonPattern, module: string): boolean {
    if (this.budget.steps < 0) return false;
    try {
      return pattern.matchesToEnd(module, pathStarts(module), this.budget);
    } catch (error) {
      if (!(error instanceof PatternBudgetError)) throw error;
      this.report(`The regular expressions of ${this.field} take too long to match; the rest is ignored.`);
      return false;
    }
  }

  private report(message: string): void {
    if (this.found.some((problem) => problem.message === message)) return;
    this.found.push({ severity: "warning", code: "AdapterPattern", message });
  }
}

/** Where `(.*\.)?` can end: at the start and after every dot. */
function pathStarts(module: string): number[] {
  const starts = [0];
  for (let at = module.indexOf("."); at >= 0; at = module.indexOf(".", at + 1)) starts.push(at + 1);
  return starts;
}

/** In a key an unescaped dot stands for any character; in the tables it is written so. */
const anyCharacter = "\0";

/** Keys of one length that have their dots at the same places. */
interface KeyTable {
  readonly dots: readonly number[];
  readonly keys: Map<string, PlainKey>;
}

/**
 * Keys made of literal characters and dots. A module is cut at each of its dots, and each tail is looked up
 * among the keys of its length, once for every arrangement of dots: a handful, since keys are paths as well.
 */
class PlainKeys {
  /** By length, then by arrangement of dots. */
  private readonly tails = new Map<number, Map<string, KeyTable>>();
  private readonly whole = new Map<number, Map<string, KeyTable>>();

  /** False when the key is a regular expression of another kind. */
  add(key: string, value: PlainKey): boolean {
    const anchored = key.startsWith("^");
    const masked = maskOfPlainKey(anchored ? key.slice(1) : key);
    if (masked === undefined) return false;
    const dots = [...masked.keys()].filter((at) => masked[at] === anyCharacter);
    const tables = anchored ? this.whole : this.tails;
    const byDots = tables.get(masked.length) ?? new Map<string, KeyTable>();
    tables.set(masked.length, byDots);
    if (byDots.size >= maxArrangements && !byDots.has(dots.join())) return false;
    const table = byDots.get(dots.join()) ?? { dots, keys: new Map<string, PlainKey>() };
    byDots.set(dots.join(), table);
    const text = masked.join("");
    if (!table.keys.has(text)) table.keys.set(text, value);
    return true;
  }

  find(module: string): PlainKey | undefined {
    let best = firstMatch(module, this.whole, undefined);
    for (const start of pathStarts(module)) best = firstMatch(module.slice(start), this.tails, best);
    return best;
  }
}

function firstMatch(
  text: string,
  tables: ReadonlyMap<number, ReadonlyMap<string, KeyTable>>,
  best: PlainKey | undefined,
): PlainKey | undefined {
  let first = best;
  for (const { dots, keys } of tables.get(text.length)?.values() ?? []) {
    const found = keys.get(mask(text, dots));
    if (found !== undefined && (first === undefined || found.order < first.order)) first = found;
  }
  return first;
}

function mask(text: string, dots: readonly number[]): string {
  let result = "";
  let from = 0;
  for (const at of dots) {
    result += text.slice(from, at) + anyCharacter;
    from = at + 1;
  }
  return result + text.slice(from);
}

/** The characters of a key with `anyCharacter` for its dots, or undefined when it has other operators. */
function maskOfPlainKey(key: string): string[] | undefined {
  const characters: string[] = [];
  for (let at = 0; at < key.length; at++) {
    const character = key[at] as string;
    if (character === ".") characters.push(anyCharacter);
    else if (character === "\\" && /[^0-9A-Za-z]/.test(key[at + 1] ?? ""))
      characters.push(key[++at] as string);
    else if (/[*+?()[\]{}|^$\\\0]/.test(character)) return undefined;
    else characters.push(character);
  }
  return characters;
}
