import { describe, expect, it } from "vitest";
import { JsonScanner, JsonSyntaxError } from "../../../src/core/json/jsonScanner";

const depth = 127;

/** Reads a whole value, as parsers on top of the scanner do. */
function skip(text: string, maxDepth = depth): void {
  const scanner = new JsonScanner(text, maxDepth);
  scanner.skipValue();
  scanner.end();
}

function errorOf(text: string, maxDepth = depth): JsonSyntaxError {
  try {
    skip(text, maxDepth);
  } catch (error) {
    if (error instanceof JsonSyntaxError) return error;
    throw error;
  }
  throw new Error(`No error for ${text}`);
}

describe("JsonScanner", () => {
  it("says how many zeros stand where text belongs", () => {
    expect(errorOf("\0".repeat(2000)).message).toContain("2,000 zero bytes: they were never written");
    expect(errorOf("\0").message).not.toContain("never written");
  });

  it("tells integers from other numbers, which JSON.parse does not", () => {
    const tokens = ["1", "-7", "0", "1.0", "1e2", "-2.5E-3", "18446744073709551615"].map((text) =>
      new JsonScanner(text, depth).readNumber(),
    );
    expect(tokens.map(({ integer }) => integer)).toEqual([true, true, true, false, false, false, true]);
    expect(tokens.at(-1)?.text).toBe("18446744073709551615");
  });

  it("gives every occurrence of a key that is written twice, with its offset", () => {
    const seen: (string | number)[] = [];
    const scanner = new JsonScanner('{"a": 1, "b": 2, "a": 3}', depth);
    scanner.readObject((key, offset) => {
      seen.push(key, offset, scanner.readNumber().text);
    });
    expect(seen).toEqual(["a", 1, "1", "b", 9, "2", "a", 17, "3"]);
  });

  it.each([
    ["empty text", "", 0, true],
    ["a word that is none", '{"a": nope}', 6, false],
    ["a leading zero", "[01]", 2, false],
    ["a number without digits behind the point", "[1.]", 1, false],
    ["a number without digits in the exponent", "[1e+,2]", 1, false],
    ["a plus sign", "[+1]", 1, false],
    ["a minus alone", "[-]", 1, false],
    ["a number that begins with its point", "[.5]", 1, false],
    ["a missing colon", '{"a" 1}', 5, false],
    ["a missing comma", "[1 2]", 3, false],
    ["a comma at the end of an array", "[1,]", 3, false],
    ["a comma at the end of an object", '{"a":1,}', 7, false],
    ["a key that is no string", "{a:1}", 1, false],
    ["single quotes", "['a']", 1, false],
    ["text after the end", "{} {}", 3, false],
    ["a closing bracket of the wrong kind", "[1}", 2, false],
    ["NaN, which is no JSON", "[NaN]", 1, false],
    ["an array without an end", "[1,", 3, true],
    ["an object without a value", '{"a":', 5, true],
    ["a string without an end", '["abc', 5, true],
    ["a string that ends in its escape", '["abc\\', 6, true],
  ])("fails at %s", (_what, text, offset, truncated) => {
    const error = errorOf(text);
    expect({ offset: error.offset, truncated: error.truncated }).toEqual({ offset, truncated });
  });

  it("refuses raw control characters in strings and takes all others", () => {
    for (let code = 0; code < 0x20; code++) {
      expect(errorOf(`["a${String.fromCharCode(code)}"]`).offset).toBe(3);
    }
    const odd = '"\u007f\u0080\u2028\u2029\ud800"';
    expect(new JsonScanner(odd, depth).readString()).toBe(odd.slice(1, -1));
  });

  it("reads the escapes of RFC 8259 and no others", () => {
    const escaped = '"\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00"';
    expect(new JsonScanner(escaped, depth).readString()).toBe('"\\/\b\f\n\r\té😀');
    for (const wrong of ["\\x41", "\\a", "\\'", "\\u12g4", "\\u12", "\\U0041", "\\0"]) {
      expect(errorOf(`["${wrong}"]`)).toMatchObject({ offset: 1, truncated: false });
    }
  });

  it("bounds nesting, so that no text can overflow the stack", () => {
    const nested = (levels: number) => "[".repeat(levels) + "]".repeat(levels);
    expect(() => skip(nested(127))).not.toThrow();
    expect(errorOf(nested(128))).toMatchObject({ offset: 128, truncated: false });
    expect(errorOf(nested(5000)).message).toContain("127 levels");
    expect(errorOf('{"a":'.repeat(5000)).message).toContain("127 levels");
  });

  it("does not count siblings as nesting", () => {
    expect(() => skip(`[${"[],".repeat(1000)}{}]`, 2)).not.toThrow();
  });

  it("comes back to a mark with its depth", () => {
    const scanner = new JsonScanner("[[1, 2], 3]", 2);
    scanner.enter("[");
    const mark = scanner.mark();
    for (let attempt = 0; attempt < 5; attempt++) {
      scanner.enter("[");
      scanner.reset(mark);
    }
    scanner.skipValue();
    expect(scanner.tryTake(",")).toBe(true);
    expect(scanner.readNumber().text).toBe("3");
  });

  it("takes only the four white space characters of JSON", () => {
    expect(() => skip(" \t\r\n[ 1 \t\r\n, 2 ] ")).not.toThrow();
    for (const space of ["\u00a0", "\ufeff", "\v", "\f", "\u2003"])
      expect(errorOf(`${space}[]`).offset).toBe(0);
  });
});
