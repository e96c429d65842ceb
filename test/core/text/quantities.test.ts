import { describe, expect, it } from "vitest";
import {
  formatAligned,
  formatBytes,
  formatCount,
  formatDuration,
  formatNumber,
  formatShare,
  formatShortCount,
  plural,
} from "../../../src/core/text/quantities";
import { quote } from "../../../src/core/text/quote";

describe("formatBytes", () => {
  it.each([
    [0, "0 bytes"],
    [1, "1 byte"],
    [2, "2 bytes"],
    [999, "999 bytes"],
    [1000, "1.00 kB"],
    [1234, "1.23 kB"],
    [9994, "9.99 kB"],
    [9995, "10.0 kB"],
    [9999, "10.0 kB"],
    [12_345, "12.3 kB"],
    [99_949, "99.9 kB"],
    [99_950, "100 kB"],
    [99_999, "100 kB"],
    [999_499, "999 kB"],
    [999_500, "1.00 MB"],
    [999_999, "1.00 MB"],
    [13_476_839_424, "13.5 GB"],
    [654e9, "654 GB"],
    [2.5e12, "2.50 TB"],
    [1e15, "1.00 PB"],
    [5e18, "5000 PB"],
    [-1, "-1 bytes"],
    [-1500, "-1.50 kB"],
    [Number.NaN, "NaN bytes"],
  ])("%d is %s", (bytes, text) => expect(formatBytes(bytes)).toBe(text));
});

describe("formatShortCount", () => {
  it.each([
    [0, "0"],
    [1, "1"],
    [999, "999"],
    [1000, "1.00 K"],
    [124_439_808, "124 M"],
    [1_235_814_400, "1.24 B"],
    [9_999_999, "10.0 M"],
    [999_500_000, "1.00 B"],
    [671e9, "671 B"],
    [1.2e12, "1.20 T"],
  ])("%d is %s", (count, text) => expect(formatShortCount(count)).toBe(text));
});

describe("formatCount and plural", () => {
  it.each([
    [0, "0"],
    [999, "999"],
    [1000, "1,000"],
    [89_088, "89,088"],
    [1e15, "1,000,000,000,000,000"],
    [-89_088, "-89,088"],
    [1234.5, "1,234.5"],
    [1e21, "1,000,000,000,000,000,000,000"],
    [2n ** 64n, "18,446,744,073,709,551,616"],
  ])("%d is %s", (count, text) => expect(formatCount(count)).toBe(text));

  it.each([
    [0, "0 tensors"],
    [1, "1 tensor"],
    [2, "2 tensors"],
    [89_088, "89,088 tensors"],
  ])("%d tensor is %s", (count, text) => expect(plural(count, "tensor")).toBe(text));

  it("takes a plural of its own", () => {
    expect(plural(2, "entry", "entries")).toBe("2 entries");
    expect(plural(1, "entry", "entries")).toBe("1 entry");
  });
});

describe("formatNumber", () => {
  it.each([
    [0, "0"],
    [-0, "0"],
    [1, "1"],
    [2.125, "2.125"],
    [1.23456, "1.235"],
    [-1.23456, "-1.235"],
    [123.456, "123.5"],
    [12345.678, "12,346"],
    [999.99996, "1,000"],
    [123_456, "123,456"],
    [0.001, "0.001"],
    [0.0012345, "0.001235"],
    [0.00099999, "1e-3"],
    [1e-4, "1e-4"],
    [-1e-4, "-1e-4"],
    [4.9e-5, "4.9e-5"],
    [1.23456e-7, "1.235e-7"],
    [5e-324, "4.941e-324"],
    [999_999, "999,999"],
    [999_999.6, "1,000,000"],
    [1e6, "1e6"],
    [1.5e10, "1.5e10"],
    [1.02e20, "1.02e20"],
    [Number.NaN, "NaN"],
    [Number.POSITIVE_INFINITY, "∞"],
    [Number.NEGATIVE_INFINITY, "-∞"],
  ])("%d is %s", (value, text) => expect(formatNumber(value)).toBe(text));

  it.each([
    [Math.PI, 2, "3.1"],
    [Math.PI, 6, "3.14159"],
    [1e-10, 1, "1e-10"],
    [1.96e-10, 2, "2e-10"],
  ])("%d to %d digits is %s", (value, digits, text) => expect(formatNumber(value, digits)).toBe(text));
});

describe("formatAligned", () => {
  it.each([
    [0, "0"],
    [-0, "0"],
    [3, "3"],
    [1024, "1,024"],
    [0.5, "0.5000"],
    [-12.3, "-12.30"],
    [1234.56, "1,235"],
    [Number.NaN, "NaN"],
  ])("%d is %s", (value, text) => expect(formatAligned(value)).toBe(text));
});

describe("formatDuration", () => {
  it.each([
    [0, "0 s"],
    [-3, "0 s"],
    [59.4, "59 s"],
    [59.6, "1 min"],
    [90, "2 min"],
    [3599, "1 h"],
    [4000, "1 h 7 min"],
    [86_399, "1 d"],
    [90_000, "1 d 1 h"],
    [1e9, "11574 d 2 h"],
    [Number.NaN, "an unknown time"],
    [Number.POSITIVE_INFINITY, "an unknown time"],
  ])("%d seconds are %s", (seconds, text) => expect(formatDuration(seconds)).toBe(text));
});

describe("formatShare", () => {
  it.each([
    [0, "0 %"],
    [1e-9, "< 0.1 %"],
    [0.000999, "< 0.1 %"],
    [0.001, "0.1 %"],
    [0.1234, "12.3 %"],
    [0.9994, "99.9 %"],
    [1, "100 %"],
  ])("%d is %s", (share, text) => expect(formatShare(share)).toBe(text));
});

describe("quote", () => {
  it("cuts a long name", () => {
    expect(quote("a.weight")).toBe('"a.weight"');
    expect(quote("x".repeat(200))).toBe(`"${"x".repeat(200)}"`);
    expect(quote("x".repeat(201))).toBe(`"${"x".repeat(200)}…"`);
  });
});
