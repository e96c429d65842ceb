import { Duplex } from "node:stream";
import { constants, createInflateRaw, deflateRawSync, inflateRawSync } from "node:zlib";
import { afterEach, describe, expect, it, vi } from "vitest";
import { InflateCursor } from "../../../src/core/bytes/inflate";
import { inflateSmall } from "../../../src/core/bytes/inflateSmall";
import { CheckpointError } from "../../../src/core/problem/checkpointError";

import { Random } from "../../fuzz/mutate";

const plain = Uint8Array.from({ length: 300_000 }, (_, at) => (at * at) >>> 7);

function cursorOver(compressed: Uint8Array) {
  let passes = 0;
  const cursor = new InflateCursor(async function* () {
    passes++;
    for (let at = 0; at < compressed.length; at += 1000)
      yield new Uint8Array(compressed.slice(at, at + 1000));
  });
  return { cursor, passes: () => passes };
}

describe("a cursor in a deflate stream", () => {
  const compressed = deflateRawSync(plain);
  afterEach(() => vi.unstubAllGlobals());

  it("takes one pass for parts in their order, with gaps and without", async () => {
    const { cursor, passes } = cursorOver(compressed);
    for (const [offset, length] of [
      [0, 10],
      [10, 65_000],
      [65_010, 1],
      [100_000, 150_000],
      [250_000, 0],
      [250_000, 50_000],
    ] as const) {
      expect(await cursor.read(offset, length)).toEqual(plain.slice(offset, offset + length));
    }
    expect(passes()).toBe(1);
  });

  it("begins anew for a part that lies before, also when several are asked for at once", async () => {
    const { cursor, passes } = cursorOver(compressed);
    const parts = await Promise.all([cursor.read(200_000, 5), cursor.read(3, 5), cursor.read(8, 5)]);
    expect(parts).toEqual([plain.slice(200_000, 200_005), plain.slice(3, 8), plain.slice(8, 13)]);
    expect(passes()).toBe(2);
  });

  it("says where the data end too soon, and reads on after that", async () => {
    const { cursor } = cursorOver(compressed);
    await expect(cursor.read(299_999, 2)).rejects.toThrow(CheckpointError);
    expect(await cursor.read(299_999, 1)).toEqual(plain.slice(299_999));
  });

  it("refuses damaged data", async () => {
    const { cursor } = cursorOver(compressed.subarray(0, 500));
    await expect(cursor.read(0, 300_000)).rejects.toThrow(CheckpointError);
  });

  it("refuses them as well where the platform throws what zlib says, as Node 20 does", async () => {
    vi.stubGlobal("DecompressionStream", function stream() {
      return Duplex.toWeb(createInflateRaw());
    });
    const { cursor } = cursorOver(compressed);
    expect(await cursor.read(0, 10)).toEqual(plain.slice(0, 10));
    await expect(cursorOver(compressed.subarray(0, 500)).cursor.read(0, 300_000)).rejects.toThrow(
      CheckpointError,
    );
  });

  it("stops when it is cancelled", async () => {
    const { cursor } = cursorOver(compressed);
    const abort = new AbortController();
    abort.abort();
    await expect(cursor.read(0, 10, abort.signal)).rejects.toThrow(/abort/i);
    expect(await cursor.read(0, 10)).toEqual(plain.slice(0, 10));
  });
});

describe("a short deflate stream in one call", () => {
  const texts = ["", "a", "banana".repeat(500), `{"shape": [2, 3]}`.repeat(20)].map((text) =>
    Buffer.from(text),
  );
  const numbers = [1, 100, 3000].map((length) => Buffer.from(plain.subarray(0, length)));

  it.each([
    ["as usual", {}],
    ["stored", { level: 0 }],
    ["with fixed codes", { strategy: constants.Z_FIXED }],
    ["with codes alone", { strategy: constants.Z_HUFFMAN_ONLY }],
    ["in runs", { strategy: constants.Z_RLE }],
  ] as const)("gives what zlib packed %s, whole and in part", (_, options) => {
    for (const bytes of [...texts, ...numbers]) {
      const packed = deflateRawSync(bytes, options);
      for (const size of [bytes.length, bytes.length >> 1])
        expect(Buffer.from(inflateSmall(packed, size)).equals(bytes.subarray(0, size))).toBe(true);
      expect(() => inflateSmall(packed, bytes.length + 1)).toThrow(CheckpointError);
    }
  });

  it("refuses what zlib refuses and gives what zlib gives, where bits are wrong", () => {
    const random = new Random(5);
    const packed = deflateRawSync(numbers[2] as Buffer);
    for (let run = 0; run < 500; run++) {
      const broken = Buffer.from(packed);
      const at = random.below(broken.length);
      broken[at] = (broken[at] as number) ^ (1 << random.below(8));
      let expected: Buffer | undefined;
      try {
        expected = inflateRawSync(broken);
      } catch {
        // Damage behind what is asked for is not looked for.
        expect(() => inflateSmall(broken, 500_000)).toThrow(CheckpointError);
        continue;
      }
      expect(Buffer.from(inflateSmall(broken, expected.length)).equals(expected)).toBe(true);
    }
  });
});
