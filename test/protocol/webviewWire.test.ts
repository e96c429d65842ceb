import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { decodeFromWebview, encodeForWebview } from "../../src/protocol/webviewWire";
import { serialize, throughVsCode, wireSize } from "../support/browser/vscodeMessage";

// Ends what hangs; the tests take less than a second each on a quiet machine.
vi.setConfig({ testTimeout: 60_000 });

function across(value: unknown): unknown {
  return decodeFromWebview(throughVsCode(encodeForWebview(value)));
}

describe("VS Code's own way", () => {
  it("loses what these tests are about, so that the model of it is right", () => {
    const lost = throughVsCode([
      Number.NaN,
      Number.POSITIVE_INFINITY,
      new Map([[1, 2]]),
      undefined,
      Buffer.from("a"),
    ]);
    expect(lost).toEqual([null, null, {}, null, { type: "Buffer", data: [97] }]);
    expect(() => throughVsCode(1n)).toThrow(TypeError);
    expect(throughVsCode(new DataView(new ArrayBuffer(2)))).toEqual({});
    expect(serialize(new Uint8Array(1000).subarray(0, 1)).buffers[0]?.byteLength).toBe(1000);
    expect(throughVsCode(Float64Array.of(Number.NaN, 1))).toEqual(Float64Array.of(Number.NaN, 1));
  });
});

describe("encodeForWebview and decodeFromWebview", () => {
  it.each([
    ["NaN", Number.NaN],
    ["infinities", [Number.POSITIVE_INFINITY, { x: Number.NEGATIVE_INFINITY }]],
    ["bigints", [0n, -1n, 2n ** 64n, { n: 9007199254740993n }]],
    ["text, true, false and null", ["NaN", "", "é😀\u0000\ud800", true, false, null]],
    ["empty objects and arrays", [{}, [], [[]], { a: {} }]],
    ["undefined elements", [undefined, 1, [undefined]]],
    [
      "views",
      [Float32Array.of(1.5, Number.NaN), Uint16Array.of(1, 2), BigUint64Array.of(2n ** 63n), new Int8Array()],
    ],
    [
      "two views of one buffer",
      [new Uint8Array([1, 2, 3, 4]), new Uint16Array(new Uint8Array([1, 2]).buffer)],
    ],
  ])("carry %s", (_what, value) => {
    expect(across(value)).toEqual(value);
  });

  it("carry undefined members as absent ones", () => {
    expect(across({ a: undefined, b: 1 })).toEqual({ b: 1 });
    expect(Object.keys(across({ a: undefined, b: 1 }) as object)).toEqual(["b"]);
  });

  it("carry an ArrayBuffer", () => {
    const result = across({ data: Uint8Array.of(1, 2, 3).buffer }) as { data: ArrayBuffer };
    expect(result.data).toBeInstanceOf(ArrayBuffer);
    expect([...new Uint8Array(result.data)]).toEqual([1, 2, 3]);
  });

  it("carry of a view into a large buffer only what it shows", () => {
    const large = new Float64Array(100_000).fill(7);
    const encoded = encodeForWebview({
      part: large.subarray(10, 12),
      bytes: new Uint8Array(large.buffer, 8, 3),
    });
    expect(wireSize(encoded)).toBeLessThan(400);
    const { part, bytes } = decodeFromWebview(throughVsCode(encoded)) as { part: unknown; bytes: Uint8Array };
    expect(part).toEqual(Float64Array.of(7, 7));
    expect([...bytes]).toEqual([...new Uint8Array(Float64Array.of(7).buffer).subarray(0, 3)]);
  });

  it("carry a Node Buffer as bytes", () => {
    for (const buffer of [Buffer.from("abc"), Buffer.alloc(3), Buffer.from(new ArrayBuffer(3))]) {
      expect(across(buffer)).toEqual(Uint8Array.from(buffer));
    }
  });

  it("leave a view that is alone in its buffer as it is", () => {
    const view = Float64Array.of(1, 2);
    expect((encodeForWebview({ view }) as { view: unknown }).view).toBe(view);
  });

  it("refuse what would arrive as an empty object", () => {
    for (const value of [new Map([["a", 1]]), new Set([1]), new DataView(new ArrayBuffer(1))]) {
      expect(() => encodeForWebview({ nested: [value] })).toThrow(TypeError);
    }
  });

  it.each([
    { $number: "NaN" },
    { $number: "5" },
    { $number: 5 },
    { $bigint: "5" },
    { $bigint: "no number" },
    { $undefined: "" },
    { $$number: "NaN" },
    { $$$number: "NaN" },
    { $number: "NaN", other: 1 },
    { $: 1 },
    { $$: 1 },
    { $other: { $number: "1" } },
    { $number: { $number: "1" } },
    { $$vscode_array_buffer_reference$$: true, index: 0 },
    { $$vscode_array_buffer_reference$$: true, index: 5, view: { type: 9, byteOffset: 0, byteLength: 8 } },
    [Float64Array.of(1), { $$vscode_array_buffer_reference$$: true, index: 0 }],
  ])("do not take data for their own marks: %j", (value) => {
    expect(across(value)).toEqual(value);
  });

  it("carry __proto__ and constructor as keys, and change no prototype", () => {
    const hostile = JSON.parse(
      '{"__proto__": {"polluted": 1}, "constructor": 2, "a": {"__proto__": 3}}',
    ) as object;
    const result = across(hostile) as object;
    expect(Object.keys(result)).toEqual(["__proto__", "constructor", "a"]);
    expect(Object.getPrototypeOf(result)).toBe(Object.prototype);
    expect(JSON.stringify(result)).toBe(JSON.stringify(hostile));
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
  });

  it("do not fail on a mark that is none", () => {
    expect(decodeFromWebview({ $bigint: "x" })).toEqual({ $bigint: "x" });
    expect(decodeFromWebview({ $bigint: "" })).toEqual({ $bigint: "" });
  });

  it("carry anything made of these", () => {
    const key = fc.oneof(
      fc.string({ maxLength: 4 }),
      fc.constantFrom("$number", "$bigint", "$undefined", "$$number", "$", "__proto__"),
    );
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        // JSON has no -0.
        fc.double().map((number) => (number === 0 ? 0 : number)),
        fc.bigInt(),
        fc.string({ unit: "binary" }),
        fc.constantFrom(null, true, false, "NaN"),
        fc.float64Array(),
        fc.uint8Array().map((bytes) => bytes.subarray(bytes.length >> 1)),
        fc.array(tie("value"), { maxLength: 4 }),
        fc.dictionary(key, tie("value"), { maxKeys: 4, noNullPrototype: true }),
      ),
    }));
    fc.assert(
      fc.property(value, (any) => {
        expect(across(any)).toEqual(any);
      }),
      { numRuns: 400 },
    );
  });
});
