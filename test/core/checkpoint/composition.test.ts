import { describe, expect, it } from "vitest";
import { moduleShares } from "../../../src/core/checkpoint/composition";
import type { Tensor } from "../../../src/core/tensors/tensor";
import { Random } from "../../fuzz/mutate";

function sharesOf(names: readonly string[], separator: "." | "/" = ".") {
  const tensors = names.map(
    (name, at): Tensor => ({ name, dtype: "F32", shape: [1], byteSize: 4, offset: 4 * at, fileIndex: 0 }),
  );
  const shares = moduleShares(tensors, new Float64Array(tensors.length).fill(1), separator);
  return Object.fromEntries(shares.map(({ module, tensors: count }) => [module ?? "(others)", count]));
}

describe("shares by module", () => {
  it.each([
    [
      "two levels below what all names begin with",
      ["model.embed.weight", "model.layers.0.up.weight", "model.layers.1.up.weight", "model.norm.weight"],
      { "model.layers.*": 2, "model.embed": 1, "model.norm": 1 },
    ],
    [
      "numbers are one module, and so deep that modules differ",
      ["layers.0.attn.q", "layers.0.mlp.up", "layers.10.attn.q", "layers.10.mlp.up"],
      { "layers.*.attn": 2, "layers.*.mlp": 2 },
    ],
    ["all names are one but for their numbers", ["h.0.w.1", "h.0.w.2", "h.11.w.1"], { "h.*.w": 3 }],
    ["a number within a word is none", ["w1.a", "w2.a", "w2.b"], { w2: 2, w1: 1 }],
    ["a name of one part is its own module", ["bias", "weight"], { bias: 1, weight: 1 }],
    ["one name is a beginning of another", ["net.a", "net.a.b", "net.a.c"], { "net.a": 2, net: 1 }],
    ["a part is empty", ["a..x", "a.1.x", "a.1.y"], { "a.*": 2, "a.": 1 }],
  ])("where %s", (_, names, expected) => {
    expect(sharesOf(names)).toEqual(expected);
  });

  it("go by slashes where names have these", () => {
    expect(sharesOf(["net/v1.2/w", "net/v1.2/b", "net/head/w"], "/")).toEqual({
      "net/v1.2": 2,
      "net/head": 1,
    });
  });

  it("are the same in whatever order the names come", () => {
    const parts = ["a", "b", "0", "1", "12", "layers", ""];
    for (let run = 0; run < 500; run++) {
      const random = new Random(run);
      const names = Array.from({ length: 1 + random.below(12) }, () =>
        Array.from({ length: 1 + random.below(4) }, () => random.of(parts)).join("."),
      );
      const shuffled = names.map((name) => ({ name, at: random.next() })).sort((a, b) => a.at - b.at);
      expect(sharesOf([...names].sort())).toEqual(sharesOf(shuffled.map(({ name }) => name)));
    }
  });

  it("lists 24 modules, and the rest as one", () => {
    const names = Array.from({ length: 30 }, (_, at) => [`m${at}.a`, `m${at}.b`]).flat();
    const shares = sharesOf(names);
    expect(Object.keys(shares)).toHaveLength(25);
    expect(shares["(others)"]).toBe(12);
  });
});
