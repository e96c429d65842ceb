import { describe, expect, it } from "vitest";
import { MemoryByteSource } from "../../../../src/core/bytes/byteSource";
import type { FileWriter } from "../../../../src/core/bytes/fileSink";
import { readCheckpointFile } from "../../../../src/core/formats/readFile";
import { SafetensorsWriter } from "../../../../src/core/formats/safetensors/write";

/** Bytes in memory that grow as they are written. */
class MemoryWriter implements FileWriter {
  bytes = new Uint8Array();

  async writeAt(offset: number, bytes: Uint8Array): Promise<void> {
    const grown = new Uint8Array(Math.max(this.bytes.length, offset + bytes.length));
    grown.set(this.bytes);
    grown.set(bytes, offset);
    this.bytes = grown;
  }

  async close(): Promise<void> {}
}

async function read(bytes: Uint8Array) {
  return readCheckpointFile(new MemoryByteSource(bytes), "x.safetensors", "/x.safetensors");
}

const filled = (length: number, value: number) => new Uint8Array(length).fill(value);

describe("SafetensorsWriter", () => {
  it("writes what the reader finds without a complaint, in any order and in pieces", async () => {
    const file = new MemoryWriter();
    const plan = [
      { name: "a", dtype: "F32", shape: [4, 2] },
      { name: "__proto__", dtype: "BF16", shape: [3] },
      { name: 'quote"\n', dtype: "F32", shape: [] },
    ];
    const writer = new SafetensorsWriter(file, plan, new Map([["format", "pt"]]));
    await writer.add("__proto__", [3], filled(6, 2));
    async function* pieces() {
      yield filled(5, 1);
      yield filled(11, 1);
    }
    await writer.add("a", [2, 2], pieces());
    await writer.add('quote"\n', [], filled(4, 3));
    await writer.finish();
    expect(file.bytes.length).toBe(writer.byteLength);
    const { tensors, metadata, problems } = await read(file.bytes);
    expect(problems).toEqual([]);
    expect([...metadata]).toEqual([["format", "pt"]]);
    const found = tensors.map(({ name, dtype, shape, offset, byteSize }) => ({
      name,
      dtype,
      shape,
      bytes: [...file.bytes.subarray(offset, offset + byteSize)],
    }));
    expect(found).toEqual([
      { name: "__proto__", dtype: "BF16", shape: [3], bytes: [...filled(6, 2)] },
      { name: "a", dtype: "F32", shape: [2, 2], bytes: [...filled(16, 1)] },
      { name: 'quote"\n', dtype: "F32", shape: [], bytes: [...filled(4, 3)] },
    ]);
    expect((tensors[0]?.offset ?? 1) % 8).toBe(0);
  });

  it("refuses what would make a broken file", async () => {
    const plan = [{ name: "a", dtype: "F32", shape: [2] }];
    const begin = (planned = plan) => new SafetensorsWriter(new MemoryWriter(), planned, new Map());
    await expect(begin().add("b", [2], filled(8, 0))).rejects.toThrow("not planned");
    await expect(begin().add("a", [2], filled(7, 0))).rejects.toThrow("should have 8 bytes");
    await expect(begin().finish()).rejects.toThrow("1 of the planned tensors");
    const twice = begin();
    await twice.add("a", [2], filled(8, 0));
    await expect(twice.add("a", [2], filled(8, 0))).rejects.toThrow("written already");
    const larger = begin();
    await larger.add("a", [2 ** 20], filled(2 ** 22, 0));
    await expect(larger.finish()).rejects.toThrow("larger than it was planned");
    expect(() => begin([...plan, ...plan])).toThrow("one name");
    expect(() => begin([{ name: "a", dtype: "Q4", shape: [] }])).toThrow("cannot be written");
  });
});
