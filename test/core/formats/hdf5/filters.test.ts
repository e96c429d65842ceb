import { describe, expect, test } from "vitest";
import { undoFilters, unreadableFilter } from "../../../../src/core/formats/hdf5/filters";

const bytes = (text: string) => Uint8Array.from(text, (letter) => letter.charCodeAt(0));
const step = (id: number) => [{ id, name: "", parameters: [] }];

/** Sizes of the LZ4 filter, with the high byte first. */
function lz4Filter(total: number, blockSize: number, blocks: readonly Uint8Array[]): Uint8Array {
  const head = new DataView(new ArrayBuffer(12));
  head.setBigUint64(0, BigInt(total));
  head.setUint32(8, blockSize);
  const sized = blocks.flatMap((block) => [0, 0, 0, block.length, ...block]);
  return Uint8Array.from([...new Uint8Array(head.buffer), ...sized]);
}

describe("filters of HDF5 that others register", () => {
  // By hand after lz4_Block_format.md: "abcd", then 12 bytes from 4 back, and "abcde" as the last literals.
  const block = Uint8Array.of(0x48, ...bytes("abcd"), 4, 0, 0x50, ...bytes("abcde"));
  const text = "abcdabcdabcdabcdabcde";

  test("LZ4: copies that overlap what they copy, and a block that is not packed", async () => {
    const stored = lz4Filter(26, 21, [block, bytes("vwxyz")]);
    expect(await undoFilters(stored, step(32_004), 0, 26)).toEqual(bytes(`${text}vwxyz`));
  });

  test.each([
    ["cut", lz4Filter(21, 21, [block]).subarray(0, 20)],
    ["that claims more than a chunk", lz4Filter(2 ** 40, 2 ** 31, [block])],
    [
      "that copies from before its start",
      lz4Filter(21, 21, [Uint8Array.of(0x48, ...bytes("abcd"), 9, 0, 0x50, ...bytes("abcde"))]),
    ],
    ["with blocks of no size", lz4Filter(21, 0, [block])],
  ])("LZ4 %s is damaged", async (_, stored) => {
    await expect(undoFilters(stored, step(32_004), 0, 21)).rejects.toThrow(/LZ4|chunk/);
  });

  // By hand after bshuf_h5filter.c: eight values of one byte become eight rows of a byte, lowest bits first.
  const values = [1, 2, 4, 8, 16, 32, 64, 255, 9];
  const rows = [0x81, 0x82, 0x84, 0x88, 0x90, 0xa0, 0xc0, 0x80];
  const bitshuffle = (stored: readonly number[], packing: number) =>
    undoFilters(Uint8Array.from(stored), [{ id: 32_008, name: "", parameters: [0, 4, 1, 0, packing] }], 0, 9);

  test.each([
    ["not packed", 0, [...rows, 9]],
    ["packed by LZ4", 2, [0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 32, 0, 0, 0, 0, 9, 0x80, ...rows, 9]],
  ])("Bitshuffle, %s: bits back to their values, and what is left over", async (_, packing, stored) => {
    expect(await bitshuffle(stored, packing)).toEqual(Uint8Array.from(values));
    for (let length = 0; length < stored.length; length++)
      await expect(bitshuffle(stored.slice(0, length), packing)).rejects.toThrow(/chunk/i);
  });

  test.each([
    ["claims more than a chunk", { size: 2 ** 31 }],
    ["has blocks of no size", { blockSize: 0 }],
    ["is longer than what is stored", { packedSize: 99 }],
    ["begins a block beyond its end", { start: 2 ** 31 }],
    ["is packed in a way that is not known", { flag: 0xe0 }],
    ["copies from before its start", { packed: [0x20 + 4, 0x20, 9, 0] }],
  ])("Blosc that %s is damaged", async (_, lie) => {
    const { size, blockSize, packedSize, start, flag, packed } = {
      ...{ size: 12, blockSize: 12, packedSize: 28, start: 20, flag: 0, packed: [2, 1, 2, 3] },
      ...lie,
    };
    const chunk = new DataView(new ArrayBuffer(28));
    for (const [at, byte] of [2, 1, flag, 1].entries()) chunk.setUint8(at, byte);
    for (const [at, word] of [size, blockSize, packedSize, start, packed.length].entries())
      chunk.setUint32(4 + 4 * at, word, true);
    for (const [at, byte] of packed.entries()) chunk.setUint8(24 + at, byte);
    await expect(undoFilters(new Uint8Array(chunk.buffer), step(32_001), 0, 12)).rejects.toThrow(
      /Blosc|Chunk/i,
    );
  });

  test("Zstandard: a frame of one block", async () => {
    // A frame of one raw block (RFC 8878): magic, a single segment of 5 bytes, "last, raw, 5 bytes".
    const frame = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0x20, 5, 0x29, 0, 0, ...bytes("hello"));
    expect(await undoFilters(frame, step(32_015), 0, 5)).toEqual(bytes("hello"));
  });
});

describe("N-bit packing", () => {
  const nBit = (...parameters: readonly number[]) => [{ id: 5, name: "", parameters }];

  test("of values that have parts is told before any chunk is read", () => {
    // H5Znbit.c: kind 3 is a compound; where nothing was to be packed the kind says nothing.
    expect(unreadableFilter(nBit(8, 0, 10, 3, 12))).toContain("N-bit");
    expect(unreadableFilter(nBit(8, 1, 10, 3, 12))).toBeUndefined();
    expect(unreadableFilter(nBit(8, 0, 10, 1, 4, 0, 17, 3))).toBeUndefined();
  });

  test.each([
    ["of more bits than its values have", [8, 0, 4, 1, 4, 0, 40, 0]],
    ["of more values than a chunk has", [8, 0, 2 ** 31, 1, 4, 0, 17, 0]],
    ["that is cut", [8, 0, 4, 1, 4, 0, 32, 0]],
  ])("%s is damaged", async (_, parameters) => {
    await expect(undoFilters(new Uint8Array(8), nBit(...parameters), 0, 16)).rejects.toThrow(/N-bit/);
  });
});
