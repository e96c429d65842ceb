import { describe, expect, it } from "vitest";
import { checkRange, MemoryByteSource, UnexpectedEndError } from "../../../src/core/bytes/byteSource";
import { readU64 } from "../../../src/core/bytes/littleEndian";

describe("MemoryByteSource", () => {
  const bytes = Uint8Array.of(1, 2, 3, 4, 5);

  it("reads exactly the range", async () => {
    const source = new MemoryByteSource(bytes);
    expect(source.size).toBe(5);
    expect(await source.read(1, 3)).toEqual(Uint8Array.of(2, 3, 4));
    expect(await source.read(5, 0)).toEqual(new Uint8Array());
  });

  it("gives bytes that belong to the caller", async () => {
    const source = new MemoryByteSource(bytes);
    (await source.read(0, 5)).fill(9);
    expect(await source.read(0, 5)).toEqual(Uint8Array.of(1, 2, 3, 4, 5));
  });

  it.each([
    [0, 6],
    [6, 0],
    [5, 1],
    [-1, 2],
    [0, -1],
    [0.5, 1],
    [0, Number.NaN],
    [2 ** 60, 2 ** 60],
    [Number.MAX_SAFE_INTEGER, 1],
  ])("refuses offset %d, length %d", async (offset, length) => {
    await expect(new MemoryByteSource(bytes).read(offset, length)).rejects.toThrow(RangeError);
  });

  it("stops where the signal was given", async () => {
    const controller = new AbortController();
    controller.abort();
    const reading = new MemoryByteSource(bytes).read(0, 1, controller.signal);
    await expect(reading).rejects.toMatchObject({ name: "AbortError" });
  });
});

describe("checkRange", () => {
  it("takes ranges beyond 4 GB", () => {
    expect(() => checkRange({ size: 2 ** 40 }, 2 ** 40 - 1, 1)).not.toThrow();
    expect(() => checkRange({ size: 2 ** 40 }, 2 ** 40, 1)).toThrow(/1099511627776/);
  });
});

describe("UnexpectedEndError", () => {
  it("says where and why", () => {
    expect(new UnexpectedEndError(12).message).toContain("byte 12");
    expect(new UnexpectedEndError(12).message).toContain("still be being written");
  });
});

describe("readU64", () => {
  it("reads all 64 bits, also from a view into a larger buffer", () => {
    const buffer = Uint8Array.of(0xff, 1, 0, 0, 0, 0, 0, 0, 0x80, 0xff).subarray(1);
    expect(readU64(buffer, 0)).toBe(2n ** 63n + 1n);
    expect(readU64(buffer, 1)).toBe((0xffn << 56n) | (0x80n << 48n));
  });

  it("does not read past its view", () => {
    const view = new Uint8Array(16).subarray(0, 8);
    expect(() => readU64(view, 1)).toThrow(RangeError);
  });
});
