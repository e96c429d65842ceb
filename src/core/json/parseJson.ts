import { JsonScanner, JsonSyntaxError } from "./jsonScanner";

/** A Map, because names such as `__proto__` and `constructor` are data here. */
export type JsonObject = ReadonlyMap<string, JsonValue>;

/** One for all: a list of nothing but `{}` would take eighty times its bytes. */
const emptyObject: JsonObject = new Map();
export type JsonValue = null | boolean | number | bigint | string | readonly JsonValue[] | JsonObject;

export interface ParsedJson {
  readonly value: JsonValue;
  /** Where the text ended too early; everything before it is in `value`. */
  readonly truncatedAt?: number;
}

/** Deeper than any real config or log (6 levels seen), shallow enough for the stack. */
const maxDepth = 256;

/** Python reads no longer integers either (`sys.int_info.default_max_str_digits`), and BigInt takes minutes. */
const maxIntegerDigits = 4300;

/**
 * Parses what Python's `json.dump` writes: JSON with bare `NaN`, `Infinity` and `-Infinity`. Integers that a
 * double cannot hold become bigint. A text that ends early gives what it held and `truncatedAt`.
 * @throws JsonSyntaxError when it is not JSON for another reason.
 */
export function parseJson(text: string): ParsedJson {
  const parser = new Parser(text.startsWith("\uFEFF") ? text.slice(1) : text);
  return parser.parse();
}

class Parser {
  private readonly scanner: JsonScanner;
  private truncatedAt: number | undefined;
  private containers = 0;

  constructor(text: string) {
    this.scanner = new JsonScanner(text, maxDepth);
  }

  parse(): ParsedJson {
    const value = this.readValue();
    if (this.truncatedAt !== undefined) return { value, truncatedAt: this.truncatedAt };
    this.scanner.end();
    return { value };
  }

  private readValue(): JsonValue {
    const { scanner } = this;
    switch (scanner.peek()) {
      case 0x22:
        return scanner.readString();
      case 0x7b:
        return this.readObject();
      case 0x5b:
        return this.readArray();
      default:
        return this.readScalar();
    }
  }

  private readScalar(): JsonValue {
    const { scanner } = this;
    if (scanner.tryWord("true")) return true;
    if (scanner.tryWord("false")) return false;
    if (scanner.tryWord("null")) return null;
    if (scanner.tryWord("NaN")) return Number.NaN;
    if (scanner.tryWord("Infinity")) return Number.POSITIVE_INFINITY;
    if (scanner.tryWord("-Infinity")) return Number.NEGATIVE_INFINITY;
    if (!scanner.atNumber() || scanner.text.startsWith("-I", scanner.position)) return this.failAtWord();
    const { text, integer } = scanner.readNumber();
    if (this.containers > 0 && scanner.atEnd()) return scanner.fail("A number that may have more digits");
    const value = Number(text);
    return integer && !Number.isSafeInteger(value) && text.length <= maxIntegerDigits ? BigInt(text) : value;
  }

  /** `nul` at the very end is a cut file, anywhere else a mistake. */
  private failAtWord(): never {
    const rest = this.scanner.text.slice(this.scanner.position);
    const cut = ["true", "false", "null", "NaN", "-Infinity", "Infinity"].some((word) =>
      word.startsWith(rest),
    );
    if (cut) this.scanner.position = this.scanner.text.length;
    return this.scanner.fail("Expected a value");
  }

  private readObject(): JsonObject {
    const object = new Map<string, JsonValue>();
    this.keepOnTruncation(() =>
      this.scanner.readObject((key) => {
        object.set(key, this.readValue());
        this.stopIfTruncated();
      }),
    );
    return object.size === 0 ? emptyObject : object;
  }

  private readArray(): JsonValue[] {
    const array: JsonValue[] = [];
    this.keepOnTruncation(() =>
      this.scanner.readArray(() => {
        array.push(this.readValue());
        this.stopIfTruncated();
      }),
    );
    return array;
  }

  /** Ends the container at the point where the text does, instead of losing what was read. */
  private keepOnTruncation(readContainer: () => void): void {
    this.containers++;
    try {
      readContainer();
    } catch (error) {
      if (!(error instanceof JsonSyntaxError) || !error.truncated) throw error;
      this.truncatedAt = error.offset;
    }
    this.containers--;
  }

  private stopIfTruncated(): void {
    if (this.truncatedAt !== undefined)
      throw new JsonSyntaxError("The text ends early", this.truncatedAt, true);
  }
}

export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return value instanceof Map;
}

export function isJsonArray(value: JsonValue | undefined): value is readonly JsonValue[] {
  return Array.isArray(value);
}

/** A JSON number as a double; integers beyond 2^53 are rounded. */
export function jsonNumber(value: JsonValue | undefined): number | undefined {
  if (typeof value === "number") return value;
  return typeof value === "bigint" ? Number(value) : undefined;
}

export function jsonString(value: JsonValue | undefined): string | undefined {
  return typeof value === "string" ? value : undefined;
}

/** One line of text for a value, as Python's json would write it. */
export function formatJson(value: JsonValue): string {
  if (isJsonObject(value)) {
    return `{${[...value].map(([key, member]) => `${JSON.stringify(key)}: ${formatJson(member)}`).join(", ")}}`;
  }
  if (isJsonArray(value)) return `[${value.map(formatJson).join(", ")}]`;
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}

/** The value that a text is; undefined where it is no JSON. */
export function jsonIn(text: string): JsonValue | undefined {
  try {
    return parseJson(text).value;
  } catch {
    return undefined;
  }
}

/** The object that a text is; undefined where it is none, or no JSON. */
export function jsonObjectIn(text: string): JsonObject | undefined {
  const value = jsonIn(text);
  return isJsonObject(value) ? value : undefined;
}
