import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  compareNames,
  inNameOrder,
  type NameSeparator,
  separatorOf,
} from "../../../src/core/tensors/nameOrder";

function sorted(names: readonly string[], separator: NameSeparator = "."): string[] {
  return [...names].sort((a, b) => compareNames(a, b, separator));
}

/** Names that are hard to order: few characters, so that they often share beginnings. */
const hardName = fc.string({ unit: fc.constantFrom(..."0019aA.-_/ é"), maxLength: 10 });

const modelName = fc
  .array(fc.oneof(fc.constantFrom("layers", "attn", "w", "w1a", "w1b", ""), fc.nat({ max: 12 })), {
    minLength: 1,
    maxLength: 5,
  })
  .map((parts) => parts.join("."));

const anyName = fc.oneof(hardName, modelName, fc.string({ unit: "binary", maxLength: 6 }));

describe("compareNames", () => {
  it.each([
    [
      ["layers.10.w", "layers.9.w", "layers.1.w"],
      ["layers.1.w", "layers.9.w", "layers.10.w"],
    ],
    [
      ["h.2", "h.10", "h.1", "h"],
      ["h", "h.1", "h.2", "h.10"],
    ],
    [
      ["a10b2", "a10b10", "a9b100"],
      ["a9b100", "a10b2", "a10b10"],
    ],
    [
      ["conv1.w", "conv10.w", "conv2.w"],
      ["conv1.w", "conv2.w", "conv10.w"],
    ],
    // The separator comes first: a module's tensors stay together, whatever is named like it.
    [
      ["lora-x", "lora.a", "lora!", "lora.b", "lora"],
      ["lora", "lora.a", "lora.b", "lora!", "lora-x"],
    ],
    [
      ["block1_x.w", "block1.b", "block1-y", "block1.a"],
      ["block1.a", "block1.b", "block1-y", "block1_x.w"],
    ],
    // Equal numbers: the fewer zeros in front, the earlier.
    [
      ["t.007", "t.7", "t.07", "t.8"],
      ["t.7", "t.07", "t.007", "t.8"],
    ],
    [
      ["t.0", "t.00", "t.1", "t.01"],
      ["t.0", "t.00", "t.1", "t.01"],
    ],
    // Numbers beyond any machine word.
    [
      ["x.99999999999999999999", "x.100000000000000000000", "x.3"],
      ["x.3", "x.99999999999999999999", "x.100000000000000000000"],
    ],
    [
      ["", "a", "."],
      ["", ".", "a"],
    ],
    [
      ["B", "a", "C"],
      ["B", "C", "a"],
    ],
  ])("sorts %j", (names, expected) => {
    expect(sorted(names)).toEqual(expected);
    expect(sorted([...names].reverse())).toEqual(expected);
  });

  it("tells names apart that differ behind a number only", () => {
    expect(compareNames("q4a.w", "q4b.w", ".")).toBeLessThan(0);
    expect(compareNames("conv1.w", "conv1_bn.w", ".")).toBeLessThan(0);
    expect(compareNames("conv1_bn.w", "conv1.w", ".")).toBeGreaterThan(0);
  });

  it("uses the separator that it is given", () => {
    expect(sorted(["a!b/w", "a/z", "a/b"], "/")).toEqual(["a/b", "a/z", "a!b/w"]);
    expect(sorted(["a!b/w", "a/z", "a/b"], ".")).toEqual(["a!b/w", "a/b", "a/z"]);
  });

  it("is a total order", () => {
    fc.assert(
      fc.property(
        anyName,
        anyName,
        anyName,
        fc.constantFrom<NameSeparator>(".", "/"),
        (a, b, c, separator) => {
          const sign = (x: string, y: string) => Math.sign(compareNames(x, y, separator));
          expect(sign(a, a)).toBe(0);
          expect(sign(a, b) + sign(b, a)).toBe(0);
          expect(sign(a, b) === 0).toBe(a === b);
          if (sign(a, b) <= 0 && sign(b, c) <= 0) expect(sign(a, c)).toBeLessThanOrEqual(0);
        },
      ),
      { numRuns: 5000 },
    );
  });

  it("puts names with a common module path next to each other", () => {
    const names = fc.array(fc.oneof(hardName, modelName), { maxLength: 30 });
    fc.assert(
      fc.property(names, fc.constantFrom<NameSeparator>(".", "/"), (list, separator) => {
        const order = sorted(list, separator);
        const prefixes = new Set(
          list.flatMap((name) =>
            [...name].flatMap((character, at) => (character === separator ? [name.slice(0, at + 1)] : [])),
          ),
        );
        for (const prefix of prefixes) {
          const places = order.flatMap((name, place) => (name.startsWith(prefix) ? [place] : []));
          expect((places.at(-1) ?? 0) - (places[0] ?? 0) + 1, `${prefix} in ${order}`).toBe(places.length);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe("separatorOf", () => {
  it.each([
    [["a.b", "c.d"], "."],
    [["a/b", "c/d"], "/"],
    [["a/b.c", "d/e.f", "g/h"], "/"],
    [["a/b", "c.d"], "."],
    [["a", "b"], "."],
    [[], "."],
  ] as const)("of %j is %s", (names, separator) => {
    expect(separatorOf(names)).toBe(separator);
  });
});

describe("inNameOrder", () => {
  it("sorts whatever has a name, and leaves the list as it was", () => {
    const list = [{ name: "a/10" }, { name: "a/9" }, { name: "a!/1" }];
    expect(inNameOrder(list).map(({ name }) => name)).toEqual(["a/9", "a/10", "a!/1"]);
    expect(list[0]?.name).toBe("a/10");
  });
});
