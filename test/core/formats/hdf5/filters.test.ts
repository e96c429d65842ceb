import { describe, expect, test } from "vitest";
import { undoFilters } from "../../../../src/core/formats/hdf5/filters";

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

  test("Zstandard: a frame of one block", async () => {
    // A frame of one raw block (RFC 8878): magic, a single segment of 5 bytes, "last, raw, 5 bytes".
    const frame = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0x20, 5, 0x29, 0, 0, ...bytes("hello"));
    expect(await undoFilters(frame, step(32_015), 0, 5)).toEqual(bytes("hello"));
  });
});
