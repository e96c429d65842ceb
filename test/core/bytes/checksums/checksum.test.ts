import { expect, test } from "vitest";
import { Checksum } from "../../../../src/core/bytes/checksums/checksum";

function sumOf(...pieces: readonly Uint8Array[]): string {
  const sum = new Checksum();
  for (const piece of pieces) sum.add(piece);
  return sum.value;
}

test("a checksum tells any changed byte, whatever the pieces and where they lie", () => {
  const bytes = Uint8Array.from({ length: 100 }, (_, at) => (at * 37) & 255);
  const whole = sumOf(bytes);
  for (let cut = 0; cut <= bytes.length; cut++)
    expect(sumOf(bytes.subarray(0, cut), bytes.subarray(cut))).toBe(whole);
  const shifted = new Uint8Array(103);
  shifted.set(bytes, 3);
  expect(sumOf(shifted.subarray(3))).toBe(whole);
  for (let at = 0; at < bytes.length; at++)
    for (const bit of [1, 128]) {
      const changed = bytes.slice();
      changed[at] = (changed[at] as number) ^ bit;
      expect(sumOf(changed)).not.toBe(whole);
    }
  expect(sumOf(bytes.subarray(0, 99))).not.toBe(whole);
  // Two words exchanged, which a plain sum would not see.
  const exchanged = bytes.slice();
  exchanged.set(bytes.subarray(0, 4), 16);
  exchanged.set(bytes.subarray(16, 20), 0);
  expect(sumOf(exchanged)).not.toBe(whole);
});
