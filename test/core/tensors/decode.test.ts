import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeTensor, UnsupportedDtypeError } from "../../../src/core/tensors/decode";
import { dtypeBits } from "../../../src/core/tensors/dtype";

/** Values of single-byte codes. */
function ofBytes(dtype: string, ...bytes: number[]): number[] {
  return [...decodeTensor(Uint8Array.from(bytes), dtype, bytes.length)];
}

/** Values of 16-bit codes, written little-endian. */
function ofWords(dtype: string, ...words: number[]): number[] {
  return [...decodeTensor(Uint8Array.from(words.flatMap((w) => [w & 0xff, w >> 8])), dtype, words.length)];
}

describe("decodeTensor", () => {
  it("reads integers in two's complement, little-endian", () => {
    expect(ofBytes("BOOL", 0, 1, 255)).toEqual([0, 1, 1]);
    expect(ofBytes("U8", 0, 127, 255)).toEqual([0, 127, 255]);
    expect(ofBytes("I8", 0, 127, 128, 255)).toEqual([0, 127, -128, -1]);
    expect(ofWords("U16", 0x0100, 0xffff)).toEqual([256, 65_535]);
    expect(ofWords("I16", 0x0100, 0x8000, 0xffff)).toEqual([256, -32_768, -1]);
    const word = Uint8Array.of(0x01, 0x02, 0x03, 0x84);
    expect([...decodeTensor(word, "U32", 1)]).toEqual([0x84030201]);
    expect([...decodeTensor(word, "I32", 1)]).toEqual([0x84030201 - 2 ** 32]);
  });

  it("rounds 64-bit integers to the nearest double", () => {
    fc.assert(
      fc.property(fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n), (integer) => {
        const view = new DataView(new ArrayBuffer(8));
        view.setBigInt64(0, integer, true);
        const bytes = new Uint8Array(view.buffer);
        expect(decodeTensor(bytes, "I64", 1)[0]).toBe(Number(integer));
        expect(decodeTensor(bytes, "U64", 1)[0]).toBe(Number(BigInt.asUintN(64, integer)));
      }),
    );
  });

  it("reads F32 and F64 with signed zeros, subnormals, infinities and NaN", () => {
    const values = [1.5, -0, 2 ** -149, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN, 3e38];
    const singles = Float32Array.from(values);
    expect([...decodeTensor(new Uint8Array(singles.buffer), "F32", 7)]).toEqual([...singles]);
    const doubles = Float64Array.from([...values, Number.MIN_VALUE, Number.MAX_VALUE]);
    expect([...decodeTensor(new Uint8Array(doubles.buffer), "F64", 9)]).toEqual([...doubles]);
  });

  it("reads F16 as IEEE 754 binary16", () => {
    expect(ofWords("F16", 0x3c00, 0xc000, 0x7bff, 0x3555)).toEqual([1, -2, 65_504, 0.333251953125]);
    // Smallest normal, largest and smallest subnormal.
    expect(ofWords("F16", 0x0400, 0x03ff, 0x0001, 0x8001)).toEqual([
      2 ** -14,
      1023 * 2 ** -24,
      2 ** -24,
      -(2 ** -24),
    ]);
    expect(ofWords("F16", 0x8000)[0]).toBe(-0);
    expect(ofWords("F16", 0x7c00, 0xfc00)).toEqual([Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]);
    expect(ofWords("F16", 0x7e00, 0x7c01, 0xffff)).toEqual([Number.NaN, Number.NaN, Number.NaN]);
  });

  it("reads BF16 as the upper half of an F32", () => {
    expect(ofWords("BF16", 0x3f80, 0xbf80, 0x4049, 0x7f7f)).toEqual([1, -1, 3.140625, 255 * 2 ** 120]);
    expect(ofWords("BF16", 0x0001, 0x0080, 0x7f80)).toEqual([2 ** -133, 2 ** -126, Number.POSITIVE_INFINITY]);
    expect(ofWords("BF16", 0x8000)[0]).toBe(-0);
    expect(ofWords("BF16", 0x7fc0)[0]).toBeNaN();
  });

  it("reads the OCP 8-bit floats: E4M3 without infinities, E5M2 with", () => {
    expect(ofBytes("F8_E4M3", 0x38, 0xb8, 0x7e, 0x08, 0x07, 0x01)).toEqual([
      1,
      -1,
      448,
      2 ** -6,
      7 * 2 ** -9,
      2 ** -9,
    ]);
    expect(ofBytes("F8_E4M3", 0x7f, 0xff)).toEqual([Number.NaN, Number.NaN]);
    expect(ofBytes("F8_E5M2", 0x3c, 0x7b, 0x04, 0x03, 0x01)).toEqual([
      1,
      57_344,
      2 ** -14,
      3 * 2 ** -16,
      2 ** -16,
    ]);
    expect(ofBytes("F8_E5M2", 0x7c, 0xfc)).toEqual([Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]);
    expect(ofBytes("F8_E5M2", 0x7d, 0xff)).toEqual([Number.NaN, Number.NaN]);
    expect(ofBytes("F8_E4M3", 0x80)[0]).toBe(-0);
  });

  it("reads the FNUZ 8-bit floats: a bias higher by one, NaN in the place of -0", () => {
    expect(ofBytes("F8_E4M3FNUZ", 0x40, 0x7f, 0xff, 0x01)).toEqual([1, 240, -240, 2 ** -10]);
    expect(ofBytes("F8_E5M2FNUZ", 0x40, 0x7f, 0x01)).toEqual([1, 57_344, 2 ** -17]);
    expect(ofBytes("F8_E4M3FNUZ", 0x80)[0]).toBeNaN();
    expect(ofBytes("F8_E5M2FNUZ", 0x80)[0]).toBeNaN();
    expect(ofBytes("F8_E4M3FNUZ", 0x00)[0]).toBe(0);
  });

  it("reads E8M0 as powers of two", () => {
    expect(ofBytes("F8_E8M0", 0x7f, 0x80, 0x00, 0xfe)).toEqual([1, 2, 2 ** -127, 2 ** 127]);
    expect(ofBytes("F8_E8M0", 0xff)[0]).toBeNaN();
  });

  it("reads F4 from the low nibble first", () => {
    const bytes = Uint8Array.of(0x10, 0x32, 0x54, 0x76, 0x98, 0xfe);
    expect([...decodeTensor(bytes, "F4", 12)]).toEqual([0, 0.5, 1, 1.5, 2, 3, 4, 6, -0, -0.5, -4, -6]);
    expect([...decodeTensor(Uint8Array.of(0x10, 0x02), "F4", 3)]).toEqual([0, 0.5, 1]);
  });

  it("reads F6 as a little-endian stream of six bits each", () => {
    // Codes 0x08, 0x01, 0x1f, 0x28: 0b101000_011111_000001_001000 as 24 bits, low bits first.
    const stream = 0x08 | (0x01 << 6) | (0x1f << 12) | (0x28 << 18);
    const bytes = Uint8Array.of(stream & 0xff, (stream >> 8) & 0xff, stream >> 16);
    expect([...decodeTensor(bytes, "F6_E2M3", 4)]).toEqual([1, 0.125, 7.5, -1]);
    expect([...decodeTensor(bytes, "F6_E3M2", 4)]).toEqual([0.5, 0.0625, 28, -0.5]);
  });

  it("is symmetric in sign and monotone in the code for every small float", () => {
    for (const [dtype, codes] of [
      ["F8_E4M3", 127],
      ["F8_E5M2", 125],
      ["F8_E4M3FNUZ", 128],
      ["F8_E5M2FNUZ", 128],
      ["F8_E8M0", 255],
    ] as const) {
      const values = ofBytes(dtype, ...Array.from({ length: codes }, (_, code) => code));
      for (let code = 1; code < codes; code++)
        expect(values[code]).toBeGreaterThan(values[code - 1] as number);
    }
  });

  it("takes bytes at any address of any buffer", () => {
    const whole = new Uint8Array(64);
    new DataView(whole.buffer).setFloat64(13, Math.PI, true);
    expect(decodeTensor(whole.subarray(13, 21), "F64", 1)[0]).toBe(Math.PI);
  });

  it("knows every real dtype of safetensors and refuses the rest", () => {
    for (const dtype of dtypeBits.keys()) {
      if (dtype === "C64") continue;
      expect(decodeTensor(new Uint8Array(8), dtype, 1)).toHaveLength(1);
    }
    expect(() => decodeTensor(new Uint8Array(8), "C64", 1)).toThrow(UnsupportedDtypeError);
    expect(() => decodeTensor(new Uint8Array(8), "C64", 1)).toThrow(/Complex/);
    expect(() => decodeTensor(new Uint8Array(8), "Q4_K", 1)).toThrow(/"Q4_K"/);
  });

  it("refuses counts that the bytes do not hold", () => {
    expect(decodeTensor(new Uint8Array(0), "F32", 0)).toHaveLength(0);
    expect(() => decodeTensor(new Uint8Array(7), "F32", 2)).toThrow(RangeError);
    expect(() => decodeTensor(new Uint8Array(1), "F4", 3)).toThrow(RangeError);
    expect(() => decodeTensor(new Uint8Array(8), "F32", -1)).toThrow(RangeError);
    expect(() => decodeTensor(new Uint8Array(8), "F32", 0.5)).toThrow(RangeError);
  });
});
