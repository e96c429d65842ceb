import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { crc32, crc32c, maskedCrc32c } from "../../../../src/core/bytes/checksums/crc32";
import { masked, plainCrc32, plainCrc32c } from "../../runs/logs/checksums";

const ascii = (text: string) => new TextEncoder().encode(text);

describe("crc32", () => {
  it("gives the check values of the catalogue", () => {
    const digits = ascii("123456789");
    expect(crc32.of(digits, 0, 9)).toBe(0xcbf43926);
    expect(crc32c.of(digits, 0, 9)).toBe(0xe3069283);
  });

  it("gives the test vectors of RFC 3720 for Castagnoli's", () => {
    const bytes = (of: (index: number) => number) => Uint8Array.from({ length: 32 }, (_, index) => of(index));
    expect(
      crc32c.of(
        bytes(() => 0),
        0,
        32,
      ),
    ).toBe(0x8a9136aa);
    expect(
      crc32c.of(
        bytes(() => 0xff),
        0,
        32,
      ),
    ).toBe(0x62a8ab43);
    expect(
      crc32c.of(
        bytes((index) => index),
        0,
        32,
      ),
    ).toBe(0x46dd794e);
    expect(
      crc32c.of(
        bytes((index) => 31 - index),
        0,
        32,
      ),
    ).toBe(0x113fdb5c);
  });

  it("agrees with the definition, for any part of any bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 70 }), fc.nat(70), fc.nat(70), (bytes, a, b) => {
        const start = Math.min(a, b, bytes.length);
        const end = Math.min(Math.max(a, b), bytes.length);
        const part = bytes.subarray(start, end);
        expect(crc32.of(bytes, start, end)).toBe(plainCrc32(part));
        expect(crc32c.of(bytes, start, end)).toBe(plainCrc32c(part));
        expect(maskedCrc32c(bytes, start, end)).toBe(masked(part));
      }),
    );
  });

  it("goes on from what stands before", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.nat(40), (bytes, at) => {
        const cut = Math.min(at, bytes.length);
        const before = crc32.of(bytes, 0, cut);
        expect(crc32.of(bytes, cut, bytes.length, before)).toBe(plainCrc32(bytes));
      }),
    );
  });
});
