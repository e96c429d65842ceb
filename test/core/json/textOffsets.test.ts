import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TextOffsets, utf8Length } from "../../../src/core/json/textOffsets";

const encoder = new TextEncoder();

describe("TextOffsets", () => {
  it("gives the byte offset of any position between characters", () => {
    const text = fc.string({ unit: "grapheme", maxLength: 60 });
    fc.assert(
      fc.property(text, fc.nat({ max: 700 }), (part, times) => {
        const whole = part.repeat(times % 700); // often longer than the stride
        const offsets = new TextOffsets(whole, encoder.encode(whole).length);
        let bytes = 0;
        let position = 0;
        for (const character of [...whole].slice(0, 50)) {
          expect(offsets.byteOffset(position)).toBe(bytes);
          bytes += encoder.encode(character).length;
          position += character.length;
        }
        expect(offsets.byteOffset(whole.length)).toBe(encoder.encode(whole).length);
      }),
      { numRuns: 50 },
    );
  });

  it("is right on both sides of the positions it keeps", () => {
    const text = "é".repeat(16_384) + "模".repeat(16_384) + "a".repeat(100);
    const offsets = new TextOffsets(text, encoder.encode(text).length);
    for (const position of [0, 1, 16_383, 16_384, 16_385, 32_767, 32_768, 32_769, text.length]) {
      expect(offsets.byteOffset(position)).toBe(encoder.encode(text.slice(0, position)).length);
    }
  });

  it("measures parts", () => {
    expect(utf8Length("aé模😀", 0, 99)).toBe(1 + 2 + 3 + 4);
    expect(utf8Length("aé模😀", 1, 3)).toBe(2 + 3);
    expect(utf8Length("abc", 2, 2)).toBe(0);
  });
});
