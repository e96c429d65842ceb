import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compareParams } from "../../src/protocol/params/compareParams";
import { editorParams } from "../../src/protocol/params/editorParams";
import { makeParams } from "../../src/protocol/params/makeParams";
import { runParams } from "../../src/protocol/params/runParams";
import { behindShapes } from "../../src/protocol/params/shapes";
import { quietCall } from "../support/quietCall";

const tensor = { row: 3, name: "w" };
const slice = { rowAxis: 0, columnAxis: 1, indexes: [0, 0] };
const block = { row: 0, column: 0, rows: 5, columns: 5 };
const line = { run: "r", key: "loss", axis: "step" };

/** What a page may send, with what is wrong with it. */
const wrong: readonly (readonly [surface: string, method: string, sent: unknown, at: RegExp])[] = [
  ["editor", "ready", {}, /ready is not nothing/],
  ["editor", "tensorChunk", { first: -1 }, /tensorChunk\.first/],
  ["editor", "tensorChunk", { first: 0.5 }, /tensorChunk\.first/],
  ["editor", "tensorChunk", { first: "0" }, /tensorChunk\.first/],
  ["editor", "tensorChunk", null, /tensorChunk is not an object/],
  ["editor", "tensorChunk", [0], /tensorChunk is not an object/],
  ["editor", "tensorChunk", Object.create({ first: 1 }), /tensorChunk\.first/],
  ["editor", "open", { path: "" }, /open\.path/],
  ["editor", "open", { path: "/a\0b" }, /open\.path/],
  ["editor", "open", { path: { toString: "/a" } }, /open\.path/],
  ["editor", "open", { path: "a".repeat(40_000) }, /open\.path/],
  ["editor", "contentPage", { path: [0, -1], from: 0 }, /contentPage\.path\[1\]/],
  ["editor", "contentPage", { path: { length: 1e9 }, from: 0 }, /contentPage\.path/],
  ["editor", "values", { tensor: { row: 0 }, slice, block }, /values\.tensor\.name/],
  ["editor", "values", { tensor, slice, block: { ...block, rows: Number.NaN } }, /values\.block\.rows/],
  ["editor", "values", { tensor, slice: { ...slice, indexes: "00" }, block }, /values\.slice\.indexes/],
  ["editor", "tensorNumbers", { tensor: { ...tensor, unpacked: "yes" } }, /unpacked is not one of true/],
  ["editor", "reduce", { options: { rule: { kind: "all" }, scope: "module" }, out: "/o" }, /rule\.kind/],
  ["editor", "reduce", { options: { rule: { kind: "toString" }, scope: "module" }, out: "/o" }, /rule\.kind/],
  [
    "editor",
    "reduce",
    { options: { rule: { kind: "rank", rank: "4" }, scope: "module" }, out: "/o" },
    /rule\.rank/,
  ],
  [
    "editor",
    "reduce",
    { options: { rule: { kind: "rank", rank: 4 }, scope: "all" }, out: "/o" },
    /options\.scope/,
  ],
  [
    "editor",
    "reduce",
    { options: { rule: { kind: "rank", rank: 4 }, scope: "module" }, out: "/o", dtype: "I8" },
    /reduce\.dtype/,
  ],
  ["editor", "savePng", { bytes: [1, 2], name: "x" }, /savePng\.bytes/],
  ["editor", "copy", { text: 1, what: "x" }, /copy\.text/],
  ["compare", "arrange", { paths: "abc" }, /arrange\.paths/],
  ["compare", "arrange", { paths: ["/a", 5] }, /arrange\.paths\[1\]/],
  ["compare", "timeline", { paths: [], metrics: ["__proto__"] }, /metrics\[0\]/],
  ["compare", "modulePair", { module: "m", a: 0, b: 1e300 }, /modulePair\.b/],
  ["run", "sample", { requests: [{ ...line, axis: "x", from: 0, to: 1, slices: 5 }] }, /requests\[0\]\.axis/],
  ["run", "sample", { requests: [{ ...line, from: 0, to: 1, slices: -5 }] }, /requests\[0\]\.slices/],
  ["run", "rows", { table: { columns: [line] }, first: 0, length: 5 }, /columns\[0\]\.smoothed/],
  ["run", "copyTable", { table: { columns: [] }, headers: [], format: "html" }, /copyTable\.format/],
  ["run", "valuesAt", { of: [{ run: "r", key: "k" }] }, /of\[0\]\.step/],
  [
    "make",
    "make",
    { job: { kind: "merge", base: "/b", adapters: [{ path: "/a" }] }, out: "/o", maxShardBytes: 5 },
    /adapters\[0\]\.weight/,
  ],
  ["make", "plan", { job: { kind: "convert", source: "/s", only: "everything" } }, /job\.only/],
  ["make", "chooseSource", { role: "parent", job: {} }, /chooseSource\.role/],
  ["run", "rememberChoices", { choices: { axis: "step" } }, /choices\.logarithmic/],
];

type Table = Readonly<Record<string, (sent: unknown, at: string) => unknown>>;
const tables: Readonly<Record<string, Table>> = {
  editor: editorParams,
  compare: compareParams,
  run: runParams,
  make: makeParams,
};

function take(surface: string, method: string, sent: unknown): unknown {
  return tables[surface]?.[method]?.(sent, method);
}

describe("what a page sends", () => {
  it.each(wrong)("(%s %s %j) is refused by its place", (surface, method, sent, at) => {
    expect(() => take(surface, method, sent)).toThrow(at);
    expect(() => take(surface, method, sent)).toThrow(TypeError);
  });

  it("keeps the fields that are known, and no other", () => {
    const sent = JSON.parse('{"first":3,"handle":99,"threads":1000,"__proto__":{"adapter":5}}');
    expect(take("editor", "tensorChunk", sent)).toEqual({ first: 3 });
    const place = { ...tensor, path: "/etc/passwd", unpacked: true };
    expect(take("editor", "tensorNumbers", { tensor: place, path: "/x" })).toEqual({
      tensor: { ...tensor, unpacked: true },
    });
  });

  it("may leave out what may be missing, and hold what no number is", () => {
    expect(take("editor", "values", { tensor, slice: { indexes: [0] }, block })).toEqual({
      tensor,
      slice: { indexes: [0] },
      block,
    });
    const open = { ...line, from: Number.NEGATIVE_INFINITY, to: Number.POSITIVE_INFINITY, slices: 1e9 };
    expect(take("run", "sample", { requests: [open] })).toEqual({ requests: [{ ...open, slices: 100_000 }] });
  });

  it("is taken or refused with a TypeError, whatever it is", () => {
    for (const table of Object.values(tables)) {
      for (const [method, shape] of Object.entries(table)) {
        fc.assert(
          fc.property(fc.anything({ withNullPrototype: true, withTypedArray: true }), (sent) => {
            try {
              shape(sent, method);
            } catch (error) {
              expect(error).toBeInstanceOf(TypeError);
            }
          }),
          { numRuns: 50 },
        );
      }
    }
  });
});

describe("handlers behind shapes", () => {
  it("are not reached by what is wrong, and answer only to what has a shape", async () => {
    const reached: unknown[] = [];
    const handlers = behindShapes<{ open(params: { readonly path: string }): void }>(
      { open: editorParams.open },
      { open: (params) => void reached.push(params) },
    );
    await expect(handlers.open({ path: "" }, ...quietCall)).rejects.toThrow(TypeError);
    await handlers.open({ path: "/a", handle: 5 } as never, ...quietCall);
    expect(reached).toEqual([{ path: "/a" }]);
    expect(Object.keys(handlers)).toEqual(["open"]);
  });
});
