import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MemoryByteSource } from "../../../../src/core/bytes/byteSource";
import { ListValue, MapValue } from "../../../../src/core/formats/contentValue";
import { childrenOf } from "../../../../src/core/formats/contentView";
import type { PyObject } from "../../../../src/core/formats/pickle/pickleValue";
import { unpickle, unpickleFrom } from "../../../../src/core/formats/pickle/unpickle";
import { pythonText } from "../../../../src/core/formats/pythonText";
import { CountingSource } from "../../../support/countingSource";
import { latin1, little, text } from "./latin1";
import { walkObjects } from "./pickleWalk";

const fixtures = join(import.meta.dirname, "../../../fixtures/torch");

const failures: readonly (readonly [what: string, pickle: string, code: string, offset: number])[] = [
  ["nothing", "", "TruncatedPickle", 0],
  ["an unknown opcode", "N\x01.", "UnknownOpcode", 1],
  ["no MARK", "N\x81", "PickleStackUnderflow", 1],
  ["a tuple without MARK", "t.", "MissingMark", 0],
  ["an empty stack", ".", "PickleStackUnderflow", 0],
  ["a value below a MARK", "N(a.", "PickleStackUnderflow", 2],
  ["a memo that was not set", "h\x05.", "UnknownMemo", 0],
  ["a memo number that is none", "gxy\n.", "InvalidPickle", 0],
  ["an append to a number", "I1\nI2\na.", "InvalidPickle", 6],
  ["items of a number", "I1\nI2\nI3\ns.", "InvalidPickle", 9],
  ["a string without quotes", "Sabc\n.", "InvalidPickle", 0],
  ["an integer that is none", "Iabc\n.", "InvalidPickle", 0],
  ["a float that is none", "Fabc\n.", "InvalidPickle", 0],
  ["an integer of 10,000 digits", `I${"9".repeat(10_000)}\n.`, "InvalidPickle", 0],
  ["a negative length", "T\xff\xff\xff\xff.", "InvalidPickle", 0],
  ["a negative length of an integer", "\x8b\xff\xff\xff\xff.", "InvalidPickle", 0],
  ["bytes of 2^60", `\x8e${"\0".repeat(7)}\x10.`, "TruncatedPickle", 0],
  ["text of 4 GB", "X\xff\xff\xff\xffabc", "TruncatedPickle", 0],
  ["an OBJ of nothing", "(o.", "PickleStackUnderflow", 1],
];

describe("a pickle that is wrong", () => {
  it.each(failures)("because of %s fails at the opcode", (_what, pickle, code, offset) => {
    const { failure, end } = unpickle(latin1(pickle));
    expect(failure).toMatchObject({ name: "CheckpointError", code });
    if (code !== "TruncatedPickle") expect(end).toBe(offset);
  });

  it("shows what was read before it failed", () => {
    const state = `}(${text("a")}I1\n${text("b")}](I1\nI2\n`;
    const { value, failure } = unpickle(latin1(state));
    expect(failure?.code).toBe("TruncatedPickle");
    expect(pythonText(value ?? null)).toBe("{'a': 1, 'b': [1, 2]}");
    const closed = unpickle(latin1(`${state}e${text("c")}\x01`));
    expect(pythonText(closed.value ?? null)).toBe("{'a': 1, 'b': [1, 2]}");
  });

  it.each([
    ["objects0.pkl", 11],
    ["objects1.pkl", 7],
    ["objects2.pkl", 7],
    ["objects4.pkl", 1],
    ["objects5.pkl", 5],
  ])("because it is cut ends with a problem, wherever it is cut (%s)", (name, step) => {
    const bytes = readFileSync(join(fixtures, name));
    for (let length = 0; length < bytes.length; length += step) {
      const { failure, value } = unpickle(new Uint8Array(bytes.subarray(0, length)));
      if (failure?.name !== "CheckpointError") throw new Error(`no failure at ${length}`);
      if (value !== undefined) childrenOf(value);
    }
    expect(unpickle(new Uint8Array(bytes)).failure).toBeUndefined();
  });
});

describe("a pickle that wants to exhaust its reader", () => {
  it("by depth is read without recursion", () => {
    const depth = 50_000;
    const { value, failure } = unpickle(latin1(`${"]".repeat(depth)}${"a".repeat(depth - 1)}.`));
    expect(failure).toBeUndefined();
    let count = 0;
    walkObjects(value, () => count++);
    expect(count).toBe(depth);
    expect(pythonText(value ?? null)).toBe("[[[…]]]");
  });

  it("by sharing costs no more than it has bytes", () => {
    // Each list holds the one before ten times: 10^30 elements on paper.
    const laughs = `]q\0${Array.from({ length: 30 }, (_, at) => {
      const get = `h${String.fromCharCode(at)}`;
      return `](${get.repeat(10)}eq${String.fromCharCode(at + 1)}`;
    }).join("")}.`;
    const { value, failure } = unpickle(latin1(laughs));
    expect(failure).toBeUndefined();
    expect(pythonText(value ?? null).length).toBeLessThan(2000);
    let count = 0;
    walkObjects(value, () => count++);
    expect(count).toBe(31);
  });

  it("by memory is stopped, and what was read is shown", () => {
    const bytes = latin1(`](${"}".repeat(80_000)}`);
    const { failure, value } = unpickle(bytes, { budget: { opcodes: 1e6, retainedBytes: 4_000_000 } });
    expect(failure?.code).toBe("PickleLimit");
    expect(value).toBeInstanceOf(ListValue);
  });

  it("by a memo of far indexes takes no memory for what lies between", () => {
    const { failure, value } = unpickle(latin1(`Nr\xff\xff\xff\xff0j\xff\xff\xff\xff.`));
    expect(failure).toBeUndefined();
    expect(value).toBeNull();
  });

  it("by names of JavaScript's own gets entries like all others", () => {
    const { value } = unpickle(latin1(`}(${text("__proto__")}I1\n${text("constructor")}I2\nu.`));
    expect(value).toBeInstanceOf(MapValue);
    expect((value as MapValue).get("__proto__")).toBe(1);
    expect((value as MapValue).get("toString")).toBeUndefined();
    const object = unpickle(latin1("c__proto__\nconstructor\n)R.")).value as PyObject;
    expect(object.qualifiedName).toBe("__proto__.constructor");
  });

  it("survives any bytes, in one piece and in windows", async () => {
    const opcodes = fc.constantFrom(
      ...[
        ..."(.012FIJKLMNPQRSTUVXabcd}eghijl]opqrst)uGBC\x80\x81\x82\x85\x86\x87\x88\x8a\x8c\x8f\x90\x91\x92\x93\x94\x95\x96\x97",
      ],
    );
    const piece = fc.oneof(
      opcodes,
      fc.constantFrom(
        "I1\n",
        "K\x01",
        "X\x01\0\0\0a",
        "cm\nn\n",
        "q\0",
        "h\0",
        "S'a'\n",
        "]q\x01",
        "}q\x02",
        "\n",
      ),
      fc.string({ maxLength: 4, unit: "binary-ascii" }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 60 }), async (pieces) => {
        const bytes = latin1(`${pieces.join("")}.`.replace(/[^\0-\xff]/g, "?"));
        const whole = unpickle(bytes);
        const windowed = await unpickleFrom(new MemoryByteSource(bytes));
        expect(windowed.end).toBe(whole.end);
        expect(windowed.failure?.code).toBe(whole.failure?.code);
        expect(windowed.imports).toEqual(whole.imports);
        if (whole.value !== undefined) pythonText(whole.value);
      }),
      { numRuns: 500 },
    );
  });
});

describe("a long pickle in a file", () => {
  it("is read in windows, and long bytes and strings are passed over", async () => {
    const long = "x".repeat(3_000_000);
    const pickle = latin1(
      `}(${text("bytes")}\x8e${little(long.length, 8)}${long}${text("text")}X${little(long.length, 4)}${long}${text("n")}I1\nu.`,
    );
    const source = new CountingSource(new MemoryByteSource(pickle));
    const { value, failure } = await unpickleFrom(source);
    expect(failure).toBeUndefined();
    expect(source.bytesRead).toBeLessThan(600_000);
    const dict = value as MapValue;
    expect(dict.get("bytes")).toMatchObject({
      kind: "bytes",
      bytes: undefined,
      length: long.length,
      offset: 21,
    });
    expect(dict.get("text")).toMatchObject({ kind: "text", length: long.length });
    expect(dict.get("n")).toBe(1);
  });

  it("that is cut inside of long bytes is not read to find that out", async () => {
    const source = new CountingSource(
      new MemoryByteSource(latin1(`}${text("a")}\x8e${little(2 ** 40, 8)}abc`)),
    );
    const { value, failure } = await unpickleFrom(source);
    expect(failure?.code).toBe("TruncatedPickle");
    expect(failure?.message).toContain("1.10 TB");
    expect(value).toBeInstanceOf(MapValue);
    expect(source.reads.length).toBeLessThanOrEqual(2);
  });
});
