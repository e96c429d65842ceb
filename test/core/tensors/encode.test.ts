import { describe, expect, it } from "vitest";
import { decodeTensor } from "../../../src/core/tensors/decode";
import { encodeValues, isWritableDtype } from "../../../src/core/tensors/encode";

function roundTrip(values: readonly number[], dtype: "F64" | "F32" | "F16" | "BF16"): number[] {
  return [...decodeTensor(encodeValues(Float64Array.from(values), dtype), dtype, values.length)];
}

describe("encodeValues", () => {
  it("gives back every code of the 16-bit dtypes", () => {
    for (const dtype of ["F16", "BF16"] as const) {
      const codes = Uint16Array.from({ length: 65_536 }, (_, code) => code);
      const values = decodeTensor(new Uint8Array(codes.buffer), dtype, codes.length);
      const again = new Uint16Array(encodeValues(values, dtype).buffer);
      const wrong = [...codes].filter((code) => !Number.isNaN(values[code]) && again[code] !== code);
      expect(wrong, dtype).toEqual([]);
      const nans = [...codes].filter((code) => Number.isNaN(values[code]));
      const back = decodeTensor(new Uint8Array(again.buffer), dtype, codes.length);
      expect(
        nans.every((code) => Number.isNaN(back[code])),
        dtype,
      ).toBe(true);
    }
  });

  it("rounds to the nearest, ties to even", () => {
    // One step of BF16 at 1 is 2⁻⁷, of F16 2⁻¹⁰.
    const step = 2 ** -7;
    expect(roundTrip([1 + step / 2, 1 + 1.5 * step, 1 + 0.51 * step, 1 + 0.49 * step], "BF16")).toEqual([
      1,
      1 + 2 * step,
      1 + step,
      1,
    ]);
    const half = 2 ** -10;
    expect(roundTrip([1 + half / 2, 1 + 1.5 * half, -1 - 0.51 * half], "F16")).toEqual([
      1,
      1 + 2 * half,
      -1 - half,
    ]);
    // Subnormal F16: multiples of 2⁻²⁴.
    const least = 2 ** -24;
    expect(roundTrip([least / 2, 0.51 * least, 1.5 * least, 1023.5 * least], "F16")).toEqual([
      0,
      least,
      2 * least,
      1024 * least,
    ]);
  });

  it("makes infinities of what is too large", () => {
    expect(roundTrip([65_504, 65_519, 65_520, -1e9, Number.POSITIVE_INFINITY], "F16")).toEqual([
      65_504,
      65_504,
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
      Number.POSITIVE_INFINITY,
    ]);
    expect(roundTrip([3.4e38, -1e39], "BF16")).toEqual([Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]);
    expect(roundTrip([0.1, 1e300], "F64")).toEqual([0.1, 1e300]);
    expect(roundTrip([0.1], "F32")).toEqual([Math.fround(0.1)]);
  });

  it("says what it can write", () => {
    expect(["F16", "F8_E4M3", "I32"].map(isWritableDtype)).toEqual([true, false, false]);
  });
});
