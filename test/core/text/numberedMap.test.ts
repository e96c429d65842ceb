import { describe, expect, it } from "vitest";
import { NumberedMap } from "../../../src/core/text/numberedMap";
import { numberIn } from "../../../src/core/text/numberIn";
import { Random } from "../../fuzz/mutate";

describe("a map by numbered texts", () => {
  it("is a map by text, whatever the texts are", () => {
    const tails = ["0", "1", "7", "07", "11", "12", "99999999", "123456789", "", "a", "1a", "é", "-1", "1.0"];
    for (let run = 0; run < 300; run++) {
      const random = new Random(run);
      const prefix = random.of(["", "archive/data/", "1"]);
      const own = new NumberedMap<number>(random.below(13), prefix);
      const reference = new Map<string, number>();
      for (let step = 0; step < 40; step++) {
        const folder = random.of([prefix, prefix, "", "other/"]);
        const tail = random.of(tails);
        if (random.below(2) === 0) {
          own.set(folder + tail, step);
          reference.set(folder + tail, step);
        }
        expect(own.get(folder + tail)).toBe(reference.get(folder + tail));
        expect(own.has(folder + tail)).toBe(reference.has(folder + tail));
        expect(own.behind(folder, tail)).toBe(reference.get(folder + tail));
      }
    }
  });
});

describe("the number that a text is", () => {
  it.each([
    ["0", 0],
    ["10", 10],
    ["12345678", 12_345_678],
    ["123456789", -1],
    ["01", -1],
    ["", -1],
    ["1 ", -1],
    ["+1", -1],
    ["1e2", -1],
  ])("%j", (text, number) => {
    expect(numberIn(text)).toBe(number);
    expect(numberIn(`data/${text}`, 5)).toBe(number);
  });
});
