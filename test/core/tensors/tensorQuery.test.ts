import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  filterTensors,
  sortTensors,
  type TensorQuery,
  type TensorSortKey,
} from "../../../src/core/tensors/tensorQuery";
import { namePattern } from "../../../src/core/text/namePattern";
import { allRows, tableOf, tensor } from "./tensors";

const table = tableOf([
  tensor("lm_head.weight", { dtype: "BF16", shape: [10, 4], byteSize: 80, offset: 500, fileIndex: 1 }),
  tensor("model.layers.0.mlp.down_proj.weight", {
    dtype: "BF16",
    shape: [4, 16],
    byteSize: 128,
    offset: 100,
  }),
  tensor("model.layers.0.mlp.up_proj.weight", { dtype: "F32", shape: [16, 4], byteSize: 256, offset: 300 }),
  tensor("model.layers.0.norm.BIAS", { dtype: "F32", shape: [4], byteSize: 16, offset: 0 }),
  tensor("model.layers.1.norm.bias", { dtype: "BOOL", shape: [], byteSize: 1, offset: 10, fileIndex: 1 }),
  tensor("<img src=x>", { dtype: "F4", shape: [4, 4, 4], byteSize: 32, offset: 20, fileIndex: 2 }),
]);

function found(text: string, extra: Partial<TensorQuery> = {}): number[] {
  return [...filterTensors(table, { text, regex: false, dtypes: new Set(), ...extra })];
}

describe("filterTensors", () => {
  it.each([
    ["", [0, 1, 2, 3, 4, 5]],
    ["   ", [0, 1, 2, 3, 4, 5]],
    ["bias", [3, 4]],
    ["BIAS", [3, 4]],
    ["proj layers.0", [1, 2]],
    ["layers.0   proj", [1, 2]],
    ["layers.0 norm proj", []],
    ["<img src", [5]],
    ["layers.?.norm", []],
    ["(", []],
    ["nothing", []],
  ])("finds %j by words in any order and case", (text, rows) => {
    expect(found(text)).toEqual(rows);
  });

  it.each([
    ["layers\\.\\d+\\.norm", [3, 4]],
    ["^LM_head", [0]],
    ["(up|down)_proj", [1, 2]],
    ["weight$", [0, 1, 2]],
    ["", [0, 1, 2, 3, 4, 5]],
  ])("finds the pattern %j in any case", (text, rows) => {
    expect(found(text, { regex: true })).toEqual(rows);
  });

  it("says so when a pattern is none", () => {
    for (const text of ["(", "[a", "*", "\\"]) {
      expect(() => found(text, { regex: true })).toThrow(SyntaxError);
    }
  });

  it("keeps the dtypes that are wanted", () => {
    expect(found("", { dtypes: new Set(["BF16"]) })).toEqual([0, 1]);
    expect(found("weight", { dtypes: new Set(["F32", "BF16"]) })).toEqual([0, 1, 2]);
    expect(found("", { dtypes: new Set(["F16"]) })).toEqual([]);
  });
});

describe("a regular expression that could run for ever", () => {
  const hostile = tableOf(
    Array.from({ length: 50 }, (_, row) => tensor(`${row}.${"a".repeat(1500)}${row % 2 === 0 ? "!" : "b"}`)),
  );
  const rows = (text: string) => filterTensors(hostile, { text, regex: true, dtypes: new Set() }).length;

  it.each([
    ["(a+)+B$", 25],
    ["(a|aa)+b$", 25],
    ["(a*)*b", 25],
    ["(?:a+){10,}b$", 25],
    ["((a)|(a+))*!$", 25],
    [".*.*.*.*.*=", 0],
    ["a*a*a*a*a*a*[^A]$", 50],
    ["(x+x+)+y|A!$", 25],
    ["(a|aa)(a|aa)(a|aa)(a|aa)(a|aa)(a|aa)(a|aa)(a|aa)(a|aa)(a|aa)(a|aa)(a|aa)=", 0],
  ])("(%s) finds the same without backtracking", (pattern, count) => {
    expect(rows(pattern)).toBe(count);
  });

  it.each(["(a+)+\\1$", "(?<=(a+)+)=", "(){99999}="])(
    "(%s) is refused where there is no other way",
    (pattern) => {
      expect(() => rows(pattern)).toThrow(/too long/);
    },
  );

  it("is refused where even the other way takes too long", () => {
    const huge = tableOf(Array.from({ length: 20_000 }, (_, row) => tensor(`${"ab".repeat(400)}${row}`)));
    const find = () => filterTensors(huge, { text: "(a|b|ab)*(a|b)*=", regex: true, dtypes: new Set() });
    expect(find).toThrow("It takes too long to match with these names.");
  });

  it("is matched the same both ways, whatever the name", () => {
    const piece = fc.constantFrom(
      "a",
      "b",
      ".",
      "\\d",
      "[ab]",
      "[^a]",
      "(a|b)",
      "(?:ab)+",
      "a{1,2}",
      "\\w*",
      "b?",
      "^",
      "$",
    );
    fc.assert(
      fc.property(
        fc.array(piece, { minLength: 1, maxLength: 5 }),
        fc.stringMatching(/^[abAB1.]{0,12}$/),
        (pieces, name) => {
          const text = pieces.join("");
          fc.pre(!/[$^][*+?{]/.test(text));
          const slow = `(?:(?:a*)*|)${text}`;
          expect(namePattern(slow)(name)).toBe(new RegExp(text, "i").test(name));
        },
      ),
    );
  });
});

describe("sortTensors", () => {
  const sorted = (key: TensorSortKey, descending = false, rows = allRows(table)) => [
    ...sortTensors(table, rows, { key, descending }),
  ];

  it.each<[TensorSortKey, number[]]>([
    ["name", [0, 1, 2, 3, 4, 5]],
    ["dtype", [0, 1, 4, 2, 3, 5]],
    ["shape", [4, 3, 1, 0, 2, 5]],
    ["parameters", [4, 3, 0, 1, 2, 5]],
    ["byteSize", [4, 3, 5, 0, 1, 2]],
    ["offset", [3, 1, 2, 4, 0, 5]],
    ["file", [1, 2, 3, 0, 4, 5]],
  ])("by %s, equal ones in name order", (key, rows) => {
    expect(sorted(key)).toEqual(rows);
  });

  it.each<[TensorSortKey, number[]]>([
    ["name", [5, 4, 3, 2, 1, 0]],
    ["dtype", [5, 2, 3, 4, 0, 1]],
    ["parameters", [1, 2, 5, 0, 3, 4]],
    ["file", [5, 0, 4, 1, 2, 3]],
  ])("by %s descending, equal ones still in name order", (key, rows) => {
    expect(sorted(key, true)).toEqual(rows);
  });

  it("sorts only the rows it is given, and leaves these as they are", () => {
    const rows = Uint32Array.of(0, 2, 4);
    expect(sorted("byteSize", false, rows)).toEqual([4, 0, 2]);
    expect([...rows]).toEqual([0, 2, 4]);
  });

  it("is stable, for any sizes and either direction", () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 3 }), { maxLength: 300 }), fc.boolean(), (sizes, descending) => {
        const many = tableOf(sizes.map((byteSize, row) => tensor(`t${row}`, { byteSize })));
        const rows = [...sortTensors(many, allRows(many), { key: "byteSize", descending })];
        const expected = sizes
          .map((size, row) => ({ size, row }))
          .sort((a, b) => (descending ? b.size - a.size : a.size - b.size) || a.row - b.row);
        expect(rows).toEqual(expected.map(({ row }) => row));
      }),
    );
  });
});
