import { formatCount } from "../text/quantities";

/**
 * JSON that is not JSON, or ends too early. `offset` counts UTF-16 units from the start of the text, behind a
 * byte order mark.
 */
export class JsonSyntaxError extends Error {
  override readonly name = "JsonSyntaxError";

  constructor(
    message: string,
    readonly offset: number,
    /** The text ended inside a value: a file that is still being written, or was cut. */
    readonly truncated = false,
  ) {
    super(message);
  }
}

export interface JsonNumberToken {
  readonly text: string;
  /** Written without fraction and exponent. */
  readonly integer: boolean;
}

/** A state of the scanner. */
export interface JsonMark {
  readonly position: number;
  readonly depth: number;
}

/** One may be a mistake of a program. */
const zerosThatTell = 8;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const MINUS = 0x2d;
const OPEN_BRACE = 0x7b;
const OPEN_BRACKET = 0x5b;

const numberPattern = /-?(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?/y;

/** What is left of a number at the end of a text that was cut inside it: `-`, `1.`, `2.5e-`. */
const cutNumberPattern = /-?(?:0|[1-9]\d*)?(?:\.\d*)?(?:[eE][+-]?)?$/y;

/**
 * Reads JSON token by token. Checkpoint headers need what JSON.parse hides: the difference between `1` and
 * `1.0`, integers beyond 2^53, duplicate keys, the offset of a mistake and a bound on nesting (RFC 8259).
 */
export class JsonScanner {
  position = 0;
  private depth = 0;

  constructor(
    readonly text: string,
    private readonly maxDepth: number,
  ) {}

  /** The code of the next character that is not white space, or -1 at the end. Moves to it. */
  peek(): number {
    while (this.position < this.text.length) {
      const code = this.text.charCodeAt(this.position);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return code;
      this.position++;
    }
    return -1;
  }

  tryTake(character: string): boolean {
    if (this.peek() !== character.charCodeAt(0)) return false;
    this.position++;
    return true;
  }

  take(character: string): void {
    if (!this.tryTake(character)) this.fail(`Expected '${character}'`);
  }

  /** Takes a bare word such as `null` or `NaN` if it stands next. */
  tryWord(word: string): boolean {
    this.peek();
    if (!this.text.startsWith(word, this.position)) return false;
    this.position += word.length;
    return true;
  }

  enter(open: "{" | "["): void {
    this.take(open);
    if (++this.depth > this.maxDepth) this.fail(`Nested deeper than ${this.maxDepth} levels`);
  }

  leave(close: "}" | "]"): void {
    this.take(close);
    this.depth--;
  }

  /** Calls `member` at each key of an object, positioned at its value. */
  readObject(member: (key: string, keyOffset: number) => void): void {
    this.enter("{");
    if (this.peek() !== 0x7d) {
      do {
        this.peek();
        const keyOffset = this.position;
        const key = this.readString();
        this.take(":");
        member(key, keyOffset);
      } while (this.tryTake(","));
    }
    this.leave("}");
  }

  /** Calls `element` at each element of an array, positioned at it. */
  readArray(element: () => void): void {
    this.enter("[");
    if (this.peek() !== 0x5d) {
      do element();
      while (this.tryTake(","));
    }
    this.leave("]");
  }

  readString(): string {
    if (this.peek() !== QUOTE) this.fail("Expected a string");
    const start = this.position + 1;
    let escaped = false;
    for (let at = start; at < this.text.length; at++) {
      const code = this.text.charCodeAt(at);
      if (code === QUOTE) {
        this.position = at + 1;
        return escaped ? this.unescape(start, at) : this.text.slice(start, at);
      }
      if (code === BACKSLASH) {
        escaped = true;
        at++;
      } else if (code < 0x20) {
        this.position = at;
        this.fail("Control character in a string");
      }
    }
    this.position = this.text.length;
    return this.fail("String without an end");
  }

  private unescape(start: number, end: number): string {
    try {
      return JSON.parse(this.text.slice(start - 1, end + 1)) as string;
    } catch {
      this.position = start - 1;
      return this.fail("String with a wrong escape");
    }
  }

  readNumber(): JsonNumberToken {
    this.peek();
    numberPattern.lastIndex = this.position;
    const match = numberPattern.exec(this.text);
    if (match === null || this.isCutAt(this.position + match[0].length)) return this.failAtNumber();
    this.position += match[0].length;
    return { text: match[0], integer: match[1] === undefined && match[2] === undefined };
  }

  /** A point or an exponent follows the digits, but no digit follows it. */
  private isCutAt(end: number): boolean {
    const next = this.text.charCodeAt(end);
    return next === 0x2e || next === 0x65 || next === 0x45;
  }

  private failAtNumber(): never {
    cutNumberPattern.lastIndex = this.position;
    if (cutNumberPattern.test(this.text)) this.position = this.text.length;
    return this.fail("Expected a number");
  }

  /** Takes what a sticky pattern matches next. The pattern must match nothing but whole, valid JSON tokens. */
  tryPattern(pattern: RegExp): RegExpExecArray | null {
    this.peek();
    pattern.lastIndex = this.position;
    const match = pattern.exec(this.text);
    if (match !== null) this.position = pattern.lastIndex;
    return match;
  }

  /** No character is left, not even white space. */
  atEnd(): boolean {
    return this.position >= this.text.length;
  }

  atNumber(): boolean {
    const code = this.peek();
    return code === MINUS || (code >= 0x30 && code <= 0x39);
  }

  /** Steps over any value, still checking that it is JSON. */
  skipValue(): void {
    const code = this.peek();
    if (code === QUOTE) this.readString();
    else if (code === OPEN_BRACE) this.readObject(() => this.skipValue());
    else if (code === OPEN_BRACKET) this.readArray(() => this.skipValue());
    else if (this.atNumber()) this.readNumber();
    else if (!(this.tryWord("true") || this.tryWord("false") || this.tryWord("null")))
      this.fail("Expected a value");
  }

  /** A place to come back to, e.g. to step over a value that turned out to be wrong. */
  mark(): JsonMark {
    return { position: this.position, depth: this.depth };
  }

  reset(mark: JsonMark): void {
    this.position = mark.position;
    this.depth = mark.depth;
  }

  /** White space may follow the value, nothing else. */
  end(): void {
    if (this.peek() !== -1) this.fail("Text after the end of the JSON value");
  }

  fail(message: string): never {
    const truncated = this.position >= this.text.length;
    const found = truncated
      ? "but the text ends"
      : (this.zeros() ?? `but found ${JSON.stringify(this.text.slice(this.position, this.position + 12))}`);
    throw new JsonSyntaxError(
      message.startsWith("Expected") ? `${message}, ${found}` : message,
      this.position,
      truncated,
    );
  }

  /** Zeros where text belongs are what a crash or a full disk leaves of a file whose length was set before. */
  private zeros(): string | undefined {
    let end = this.position;
    while (this.text.charCodeAt(end) === 0) end++;
    const count = end - this.position;
    if (count < zerosThatTell) return undefined;
    return `but found ${formatCount(count)} zero bytes: they were never written, as after a crash or on a full disk`;
  }
}
