import { describe, expect, it } from "vitest";
import { readCheckpointFile } from "../../../../src/core/formats/readFile";
import { CountingSource } from "../../../support/countingSource";
import { fileHead, sparseFile } from "../../../support/made/safetensorsFile";
import { errorOf, path, read, readBytes, readHeader } from "./readFile";

/** The rules whose violation leaves nothing to show: formats.md §1, steps 1 and 2, in their order. */
describe("a safetensors file that cannot be read", () => {
  it.each([0, 1, 2, 7])("HeaderTooSmall with %d bytes", async (size) => {
    const error = await errorOf(readBytes(new Uint8Array(size).fill(1)));
    expect(error).toMatchObject({ code: "HeaderTooSmall", offset: 0, file: path });
    expect(error.message).toContain(size === 0 ? "empty (0 bytes)" : `only ${size} byte`);
  });

  it("HeaderTooSmall says that two bytes of white space are that", async () => {
    const error = await errorOf(readBytes(Uint8Array.of(0x0d, 0x0a)));
    expect(error.code).toBe("HeaderTooSmall");
    expect(error.message).toContain("only 2 bytes of white space");
  });

  it("InvalidHeaderLength where a length is all there is", async () => {
    expect(await errorOf(readBytes(fileHead({ header: "", claimedLength: 2n })))).toMatchObject({
      code: "InvalidHeaderLength",
      offset: 0,
    });
  });

  it.each([100_000_001n, 2n ** 32n, 2n ** 53n + 1n, 2n ** 63n, 2n ** 64n - 1n])(
    "HeaderTooLarge for a length of %d, whatever the file's size",
    async (claimedLength) => {
      for (const dataSize of [0, 2 ** 40]) {
        const source = new CountingSource(sparseFile({ claimedLength }, dataSize));
        const error = await errorOf(readCheckpointFile(source, "model.safetensors", path));
        expect(error).toMatchObject({ code: "HeaderTooLarge", offset: 0, file: path });
        expect(source.reads).toEqual([{ offset: 0, length: Math.min(10 + dataSize, 65_536) }]);
      }
    },
  );

  it.each([
    [11n, 10],
    [100_000_000n, 10],
    [100_000_000n, 50_000_000],
  ])(
    "InvalidHeaderLength for a header of %d bytes in a file of about %d, unread",
    async (claimedLength, size) => {
      const source = new CountingSource(sparseFile({ claimedLength }, size - 2));
      const error = await errorOf(readCheckpointFile(source, "model.safetensors", path));
      expect(error).toMatchObject({ code: "InvalidHeaderLength", offset: 0, file: path });
      expect(source.reads).toHaveLength(1);
    },
  );

  it("InvalidHeaderLength at one byte too few, and not at the exact length", async () => {
    expect((await errorOf(readBytes(fileHead({ claimedLength: 3n })))).code).toBe("InvalidHeaderLength");
    expect((await readBytes(fileHead({ claimedLength: 2n }))).tensors).toEqual([]);
  });

  it.each([
    ["a byte that no UTF-8 has", [0x7b, 0x22, 0xff, 0x22, 0x7d]],
    ["a character cut by the end", [0x7b, 0x7d, 0xc3]],
    ["a surrogate", [0x7b, 0x22, 0xed, 0xa0, 0x80, 0x22, 0x7d]],
    ["an overlong form", [0x7b, 0x22, 0xc0, 0x80, 0x22, 0x7d]],
    ["nothing but such bytes", [0xff, 0xfe]],
  ])("InvalidHeader for %s", async (_what, bytes) => {
    const error = await errorOf(read({ header: Uint8Array.from(bytes) }));
    expect(error).toMatchObject({ code: "InvalidHeader", offset: 8, file: path });
  });

  it.each([
    ["no JSON", "{hello}", 8 + 1],
    ["an array", "[]", 8],
    ["a number", "1", 8],
    ["null", "null", 8],
    ["an empty header", "", 8],
    ["only white space", "   ", 8 + 3],
    ["a byte order mark", "\ufeff{}", 8],
    ["text after the JSON", "{}x", 8 + 2],
    ["a second document", "{}{}", 8 + 2],
    ["a zero byte as padding", "{}\0\0", 8 + 2],
    ["a cut header", '{"a":{"dtype":"U8"', 8 + 18],
    ["a comma too many", '{"a":{"dtype":"U8","shape":[],"data_offsets":[0,1]},}', 8 + 52],
    ["NaN, which JSON has not", '{"a":NaN}', 8 + 5],
    ["a raw control character", '{"a\n":1}', 8 + 3],
    ["a wrong escape", '{"a\\x":1}', 8 + 1],
    ["a mistake behind characters of many bytes", '{"é模😀":,}', 8 + 2 + 2 + 3 + 4 + 2],
  ])("InvalidHeaderDeserialization for %s, with the offset", async (_what, header, offset) => {
    const error = await errorOf(readHeader(header));
    expect(error).toMatchObject({ code: "InvalidHeaderDeserialization", offset, file: path });
  });

  it("InvalidHeaderDeserialization for nesting beyond serde's limit, without a stack overflow", async () => {
    const header = (levels: number) => `{"a":${"[".repeat(levels)}${"]".repeat(levels)}}`;
    const error = await errorOf(readHeader(header(127)));
    expect(error).toMatchObject({ code: "InvalidHeaderDeserialization", offset: 8 + 5 + 127 });
    expect((await errorOf(readHeader(header(100_000)))).message).toContain("127 levels");
    expect((await readHeader(header(126))).problems[0]?.code).toBe("InvalidHeaderDeserialization");
  });
});
