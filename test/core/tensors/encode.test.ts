import { describe, expect, it } from "vitest";
import { decodeTensor } from "../../../src/core/tensors/decode";
import {
  encodeBf16Counted,
  encodeValues,
  isWritableDtype,
  roundValues,
} from "../../../src/core/tensors/encode";

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

  it("counts what BF16 does to values while it rounds them", () => {
    const values = Float64Array.of(1, 1 + 2 ** -8, -3, 0.1, -0, 1e-40, 65_505);
    const [memory, bytes] = [new Float32Array(values.length), new Uint8Array(2 * values.length)];
    const sums = { errorSquares: 0, squares: 0, changed: 0 };
    encodeBf16Counted(values, memory, bytes, sums);
    expect(bytes).toEqual(encodeValues(values, "BF16"));
    const rounded = decodeTensor(bytes, "BF16", values.length);
    expect([...memory]).toEqual([...rounded]);
    const errors = values.map((value, at) => (rounded[at] as number) - value);
    expect(sums.changed).toBe(errors.filter((error) => error !== 0).length);
    expect(sums.errorSquares).toBeCloseTo(
      errors.reduce((sum, error) => sum + error * error, 0),
      12,
    );
    expect(sums.squares).toBeCloseTo(
      values.reduce((sum, value) => sum + value * value, 0),
      3,
    );
    encodeBf16Counted(Float64Array.of(Number.NaN, 1e39), memory.subarray(0, 2), bytes.subarray(0, 4), sums);
    expect(bytes.subarray(0, 4)).toEqual(encodeValues(Float64Array.of(Number.NaN, 1e39), "BF16"));
    expect(sums.squares).toBeNaN();
  });

  it.each(["F64", "F32", "F16", "BF16"] as const)("rounds to values of %s as bytes of it would", (dtype) => {
    const small = dtype === "BF16" ? "BF16" : "F16";
    const codes = new Uint8Array(Uint16Array.from({ length: 65_536 }, (_, code) => code).buffer);
    const exact = decodeTensor(codes, small, 65_536);
    // What lies on a code, halfway to the next one, and a little beside that.
    const values = Float64Array.from({ length: 4 * exact.length }, (_, at) => {
      const value = exact[at >> 2] as number;
      const middle = (value + (exact[((at >> 2) + 1) & 0xffff] as number)) / 2;
      return [value, middle, middle * (1 + 2 ** -22), middle * (1 - 2 ** -22)][at & 3] as number;
    });
    const odd = [Number.NaN, 1e300, -1e300, 65_519.996, 65_520, -65_520, 2 ** -25, -(2 ** -26), 5e-324];
    const all = Float64Array.of(...odd, ...values.subarray(0, 3000), 0, -0);
    for (const tried of [values, all, Float64Array.of()]) {
      const expected = decodeTensor(encodeValues(tried, dtype), dtype, tried.length);
      const rounded = new Float64Array(tried.length);
      roundValues(tried, dtype, rounded);
      expect(rounded.findIndex((value, at) => !Object.is(value, expected[at]))).toBe(-1);
      const own = tried.slice();
      roundValues(own, dtype, own);
      expect(own.findIndex((value, at) => !Object.is(value, expected[at]))).toBe(-1);
    }
  });

  it("says what it can write", () => {
    expect(["F16", "F8_E4M3", "I32"].map(isWritableDtype)).toEqual([true, false, false]);
  });
});
