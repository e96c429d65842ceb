import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { JsonSyntaxError } from "../../../src/core/json/jsonScanner";
import {
  formatJson,
  isJsonArray,
  isJsonObject,
  type JsonValue,
  jsonNumber,
  jsonString,
  parseJson,
} from "../../../src/core/json/parseJson";

// Ends what hangs; the tests take less than a second each on a quiet machine.
vi.setConfig({ testTimeout: 60_000 });

/** The value as JSON.parse would give it: plain objects, doubles only. */
function plain(value: JsonValue): unknown {
  if (isJsonObject(value)) return Object.fromEntries([...value].map(([key, member]) => [key, plain(member)]));
  if (isJsonArray(value)) return value.map(plain);
  return typeof value === "bigint" ? Number(value) : value;
}

function parsed(text: string): unknown {
  return plain(parseJson(text).value);
}

/** A trainer_state.json in the style of Python's json.dump with indent 2, with what Python adds to JSON. */
const trainerState = `{
  "best_metric": NaN,
  "best_model_checkpoint": "C:\\\\runs\\\\café/checkpoint-20",
  "epoch": 1.5,
  "is_local_process_zero": true,
  "log_history": [
    {
      "epoch": 0.75,
      "grad_norm": Infinity,
      "learning_rate": 4.9e-05,
      "loss": 2.125,
      "step": 10
    },
    {
      "eval_loss": -Infinity,
      "epoch": 1.5,
      "step": 125,
      "flags": [true, false, null, [], {}]
    }
  ],
  "total_flos": 12345678901234567890,
  "trial_name": null
}
`;

describe("parseJson", () => {
  it("agrees with JSON.parse on JSON", () => {
    const spaces = fc.constantFrom("", "  ", "\t");
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6, stringUnit: "binary" }), spaces, (value, space) => {
        const text = JSON.stringify(value, undefined, space);
        expect(parsed(text)).toEqual(JSON.parse(text));
      }),
    );
  });

  it("agrees with JSON.parse on what is no JSON", () => {
    const pieces = fc.constantFrom(
      ..."{}[],:\"\\ \n019.eE+-tfnulabrse'/\u0000é".split(""),
      '"a"',
      "true",
      "null",
    );
    const noJson = (text: string, reader: (text: string) => unknown) => {
      try {
        reader(text);
        return false;
      } catch (error) {
        if (!(error instanceof SyntaxError) && !(error instanceof JsonSyntaxError)) throw error;
        return true;
      }
    };
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 12 }), (parts) => {
        const text = parts.join("");
        const ours = noJson(text, (each) => {
          const { truncatedAt } = parseJson(each);
          if (truncatedAt !== undefined) throw new SyntaxError("cut");
        });
        expect(ours).toBe(noJson(text, JSON.parse));
      }),
      { numRuns: 2000 },
    );
  });

  it("reads the bare NaN and infinities that Python writes", () => {
    expect(parsed('[NaN, Infinity, -Infinity, {"loss":NaN}]')).toEqual([
      Number.NaN,
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
      { loss: Number.NaN },
    ]);
    expect(parseJson("NaN").value).toBeNaN();
  });

  it.each(["nan", "-NaN", "Inf", "+Infinity", "- Infinity", "infinity", "NaN1", "[NaNa]", "undefined"])(
    "refuses %s, which Python does not write",
    (text) => expect(() => parseJson(text)).toThrow(JsonSyntaxError),
  );

  it("keeps integers that a double cannot hold", () => {
    expect(parseJson("[9007199254740991, 9007199254740993, -9007199254740993, 1e30]").value).toEqual([
      9007199254740991,
      9007199254740993n,
      -9007199254740993n,
      1e30,
    ]);
    expect(jsonNumber(parseJson("9007199254740993").value)).toBe(9007199254740992);
  });

  it("does not spend minutes on an integer with a million digits", () => {
    const digits = "9".repeat(1_000_000);
    expect(parseJson(`[${digits}, -${digits}]`).value).toEqual([
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
    ]);
    expect(parseJson("1".repeat(4300)).value).toBe(BigInt("1".repeat(4300)));
  });

  it("keeps -0", () => {
    expect(Object.is(parseJson("-0").value, -0)).toBe(true);
  });

  it("keeps the last of duplicate keys, as Python and JSON.parse do", () => {
    expect(parsed('{"a": 1, "b": 2, "a": 3}')).toEqual({ a: 3, b: 2 });
  });

  it("takes __proto__, constructor and numbers as keys like any other, in their order", () => {
    const { value } = parseJson('{"b": 1, "__proto__": {"x": 2}, "constructor": 3, "10": 4, "9": 5}');
    if (!isJsonObject(value)) throw new Error("Not an object");
    expect([...value.keys()]).toEqual(["b", "__proto__", "constructor", "10", "9"]);
    expect(plain(value.get("__proto__") ?? null)).toEqual({ x: 2 });
    expect(({} as { x?: number }).x).toBeUndefined();
  });

  it("drops a byte order mark", () => {
    expect(parsed('\ufeff{"a": 1}')).toEqual({ a: 1 });
    expect(() => parseJson("\ufeff\ufeff{}")).toThrow(JsonSyntaxError);
  });

  it("bounds nesting at 256 levels", () => {
    const nested = (levels: number) => "[".repeat(levels) + "]".repeat(levels);
    expect(() => parseJson(nested(256))).not.toThrow();
    expect(() => parseJson(nested(257))).toThrow(/256 levels/);
    expect(() => parseJson(nested(5000))).toThrow(/256 levels/);
    expect(() => parseJson(`${'{"a":'.repeat(5000)}1`)).toThrow(/256 levels/);
  });

  it("formats a value on one line as Python's json does", () => {
    const text = '{"a": [1, 2.5, NaN, Infinity, true, null, "x\\"y"], "b": {"__proto__": 9007199254740993}}';
    expect(formatJson(parseJson(text).value)).toBe(text);
  });

  it("converts only what has the type", () => {
    expect([jsonNumber("1"), jsonNumber(null), jsonNumber(undefined), jsonNumber(2.5)]).toEqual([
      undefined,
      undefined,
      undefined,
      2.5,
    ]);
    expect([jsonString("a"), jsonString(1), jsonString(undefined)]).toEqual(["a", undefined, undefined]);
    expect([isJsonObject([]), isJsonObject(null), isJsonArray(new Map())]).toEqual([false, false, false]);
  });
});

describe("parseJson on a text that was cut", () => {
  const bytes = new TextEncoder().encode(trainerState);
  const decoder = new TextDecoder();
  const whole = parsed(trainerState) as Record<string, unknown>;
  const wholeLog = whole.log_history as Record<string, unknown>[];

  it("reads the whole text to the end", () => {
    expect(parseJson(trainerState).truncatedAt).toBeUndefined();
    expect(whole).toMatchObject({
      best_metric: Number.NaN,
      best_model_checkpoint: "C:\\runs\\café/checkpoint-20",
      total_flos: Number("12345678901234567890"),
      trial_name: null,
    });
    expect(wholeLog[1]?.flags).toEqual([true, false, null, [], {}]);
  });

  it("keeps what came before, wherever the cut is, and says where the text ended", () => {
    const end = bytes.length - 2; // the closing brace and the newline
    for (let length = 1; length <= end; length++) {
      const text = decoder.decode(bytes.subarray(0, length));
      const { value, truncatedAt } = parseJson(text);
      expect(truncatedAt, `cut after ${JSON.stringify(text.slice(-12))}`).toBe(text.length);
      const { log_history: log, ...rest } = plain(value) as Record<string, unknown>;
      for (const [key, member] of Object.entries(rest)) expect(member).toEqual(whole[key]);
      for (const [index, entry] of ((log ?? []) as Record<string, unknown>[]).entries()) {
        const { flags, ...numbers } = entry;
        for (const [key, member] of Object.entries(numbers)) expect(member).toEqual(wholeLog[index]?.[key]);
        expect([true, false, null, [], {}].slice(0, (flags as unknown[] | undefined)?.length ?? 0)).toEqual(
          flags ?? [],
        );
      }
    }
    expect(parseJson(decoder.decode(bytes.subarray(0, end + 1))).truncatedAt).toBeUndefined();
  });

  it("keeps everything but the value that was cut", () => {
    const cutAfter = (part: string) =>
      parsed(trainerState.slice(0, trainerState.indexOf(part) + part.length)) as Record<string, unknown>;
    expect(Object.keys(cutAfter('"epoch": 1.5'))).toEqual(["best_metric", "best_model_checkpoint"]);
    expect(cutAfter('"epoch": 1.5,').epoch).toBe(1.5);
    expect((cutAfter('"step": 10').log_history as unknown[])[0]).not.toHaveProperty("step");
    expect((cutAfter('"step": 10\n').log_history as unknown[])[0]).toHaveProperty("step", 10);
  });

  it.each(["-", "1.", "1e", "1E+", "2.5e-", "-I", "-Infinit", "N", "Infin", "tru", "n", '"ab', '"a\\u00'])(
    "takes %s at the end for the beginning of a value",
    (part) => {
      expect(parseJson(`{"a": 1, "b": ${part}`)).toEqual({
        value: new Map([["a", 1]]),
        truncatedAt: `{"a": 1, "b": ${part}`.length,
      });
    },
  );

  it("takes the same in the middle for a mistake", () => {
    for (const part of ["-", "1.", "1e", "-I", "Na", "tru"]) {
      expect(() => parseJson(`[${part}, 2]`)).toThrow(JsonSyntaxError);
    }
  });

  it("has nothing to keep of a text that holds no value yet", () => {
    for (const text of ["", "  \n", '"ab', "tr", "-"]) {
      expect(() => parseJson(text)).toThrow(expect.objectContaining({ truncated: true }));
    }
  });
});
