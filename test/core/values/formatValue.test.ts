import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatCell, formatFloat, widestText } from "../../../src/core/values/formatValue";
import { valueDtype } from "../../../src/core/values/valueDtype";

describe("full digits", () => {
  // As numpy 1.24 prints np.float32(…), without the ".0" of whole numbers.
  it.each([
    [0.1, "0.1"],
    [1 / 3, "0.33333334"],
    [16_777_216, "16777216"],
    [3.4028234663852886e38, "3.4028235e38"],
    [1e-45, "1e-45"],
    [-0, "-0"],
    [0.010_009_765_625, "0.010009766"],
  ])("of the F32 %d are %s", (value, text) => {
    expect(formatFloat(Math.fround(value), "full", "F32")).toBe(text);
  });

  it("give the same float back", () => {
    fc.assert(
      fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), (value) => {
        expect(Object.is(Math.fround(Number(formatFloat(value, "full", "F32"))), value)).toBe(true);
      }),
    );
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        expect(Object.is(Number(formatFloat(value, "full", "F64")), value)).toBe(true);
      }),
    );
  });
});

describe("the other formats", () => {
  it.each([
    [0.012_345_678, "0.012346", "1.23457e-2"],
    [123.456_789, "123.4568", "1.23457e2"],
    [-1_234_567.8, "-1234568", "-1.23457e6"],
    [0.000_099, "9.900e-5", "9.90000e-5"],
    [12_345_678, "1.235e7", "1.23457e7"],
    [0, "0", "0"],
    [Number.NaN, "NaN", "NaN"],
    [Number.NEGATIVE_INFINITY, "-∞", "-∞"],
  ])("write %d as %s and %s", (value, decimal, scientific) => {
    expect(formatFloat(value, "decimal", "F64")).toBe(decimal);
    expect(formatFloat(value, "scientific", "F64")).toBe(scientific);
  });
});

describe("cells", () => {
  const dtype = (name: string) => {
    const found = valueDtype(name);
    if (found === undefined) throw new Error(name);
    return found;
  };

  it("have digits of integers, words for truth, and both parts of complex numbers", () => {
    const values = Float64Array.of(2 ** 60, 0, 1);
    expect(formatCell({ values }, 0, "1152921504606846977", "decimal", dtype("I64"))).toBe(
      "1152921504606846977",
    );
    expect(formatCell({ values }, 1, undefined, "decimal", dtype("BOOL"))).toBe("False");
    const complex = { values: Float64Array.of(1.5), imaginary: Float64Array.of(-0.25) };
    expect(formatCell(complex, 0, undefined, "full", dtype("C64"))).toBe("1.5-0.25j");
  });

  it("fit their column", () => {
    fc.assert(
      fc.property(fc.float(), fc.constantFrom("decimal", "scientific", "full"), (value, format) => {
        const widest = widestText(format, dtype("F32")).length;
        expect(formatFloat(value, format, "F32").length).toBeLessThanOrEqual(widest);
      }),
      { numRuns: 3000 },
    );
    for (const [name, text] of [
      ["U8", "255"],
      ["I8", "-128"],
      ["I16", "-32768"],
      ["I32", "-2147483648"],
      ["I64", "-9223372036854775808"],
      ["U64", "18446744073709551615"],
    ] as const) {
      expect(widestText("decimal", dtype(name)).length, name).toBeGreaterThanOrEqual(text.length);
    }
  });
});
