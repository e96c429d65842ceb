import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { MemoryByteSource } from "../../../../src/core/bytes/byteSource";
import { readCheckpointFile } from "../../../../src/core/formats/readFile";
import { CheckpointError } from "../../../../src/core/problem/checkpointError";
import { decodeBlocks, ggmlBlocks } from "../../../../src/core/tensors/ggmlBlocks";
import { elementCount } from "../../../../src/core/tensors/tensor";
import { CountingSource } from "../../../support/countingSource";
import { projectRoot } from "../../../support/projectRoot";

const folder = join(projectRoot, "test/fixtures/gguf");
const blocks = new Uint8Array(readFileSync(join(folder, "blocks.gguf")));
/** SHA-256 of the values that ggml's own code makes of `pseudorandomBlocks`. */
const lattices: Record<string, string> = JSON.parse(readFileSync(join(folder, "lattices.json"), "utf8"));
/** Values by numpy, little-endian F32 in base64. */
const expected: Record<string, string> = JSON.parse(readFileSync(join(folder, "blocks.json"), "utf8"));

const read = (bytes: Uint8Array) => readCheckpointFile(new MemoryByteSource(bytes), "m.gguf", "m.gguf");

/** The 2,048 blocks of makeGgmlLatticeReference.py: xorshift32, with scales that are finite. */
function pseudorandomBlocks(blockBytes: number, scaleAt: number): Uint8Array {
  const bytes = new Uint8Array(blockBytes * 2048);
  let state = 2463534242;
  for (let index = 0; index < bytes.length; index++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[index] = (state >>> 24) & (index % blockBytes === scaleAt ? 0xbf : 0xff);
  }
  return bytes;
}

/** Writes numbers of a header in one byte order and with one width of counts. */
class Writer {
  private readonly bytes: number[] = [];

  constructor(
    private readonly littleEndian: boolean,
    private readonly countBytes: 4 | 8,
  ) {}

  number(value: number, width: number): this {
    const view = new DataView(new ArrayBuffer(8));
    if (width === 8) view.setBigUint64(0, BigInt(value), this.littleEndian);
    else view.setUint32(0, value, this.littleEndian);
    this.bytes.push(...new Uint8Array(view.buffer, 0, width));
    return this;
  }

  u32(value: number): this {
    return this.number(value, 4);
  }

  count(value: number): this {
    return this.number(value, this.countBytes);
  }

  text(value: string): this {
    const bytes = new TextEncoder().encode(value);
    this.count(bytes.length).bytes.push(...bytes);
    return this;
  }

  float(value: number): this {
    const view = new DataView(new ArrayBuffer(4));
    view.setFloat32(0, value, this.littleEndian);
    this.bytes.push(...new Uint8Array(view.buffer));
    return this;
  }

  pad(multiple: number): this {
    while (this.bytes.length % multiple !== 0) this.bytes.push(0);
    return this;
  }

  done(): Uint8Array {
    return Uint8Array.from([0x47, 0x47, 0x55, 0x46, ...this.bytes]);
  }
}

/** One F32 tensor [2, 3] called `w`, behind the keys that `keys` writes. */
function smallFile(
  version: number,
  littleEndian = true,
  keyCount = 0,
  keys: (writer: Writer) => void = () => undefined,
  alignment = 32,
  type = 0,
): Uint8Array {
  const writer = new Writer(littleEndian, version === 1 ? 4 : 8).u32(version).count(1).count(keyCount);
  keys(writer);
  writer
    .text("w")
    .u32(2)
    .count(type === 0 ? 3 : 32)
    .count(type === 0 ? 2 : 1)
    .u32(type)
    .number(0, 8);
  // The magic's four bytes count too.
  const head = writer.done();
  const rest = new Writer(littleEndian, 8);
  const padding = (alignment - (head.length % alignment)) % alignment;
  for (let at = 0; at < (type === 0 ? 6 : 9); at++) rest.float(at - 2.5);
  return Uint8Array.from([...head, ...new Uint8Array(padding), ...rest.done().subarray(4)]);
}

describe("the header", () => {
  test.each([
    ["version 1", 1, true],
    ["version 2", 2, true],
    ["version 3", 3, true],
    ["version 3, big-endian", 3, false],
  ])("of %s", async (_, version, littleEndian) => {
    const { format, tensors, problems } = await read(smallFile(version, littleEndian));
    expect({ format, problems }).toEqual({ format: "gguf", problems: [] });
    expect(tensors).toMatchObject([{ name: "w", dtype: "F32", shape: [2, 3], byteSize: 24 }]);
    expect(tensors[0]?.layout?.storage.bigEndian).toBe(littleEndian ? undefined : true);
  });

  test("of a big-endian file does not tell the order of the scales of its blocks, which is said", async () => {
    const q8 = (littleEndian: boolean) => smallFile(3, littleEndian, 0, undefined, 32, 8);
    expect((await read(q8(false))).problems).toMatchObject([
      { severity: "warning", code: "BlockOrderUnknown" },
    ]);
    expect((await read(q8(true))).problems).toEqual([]);
  });

  test("gives its keys as text, long arrays by their first elements and their count", async () => {
    const { metadata } = await read(blocks);
    expect(metadata.get("general.architecture")).toBe("llama");
    expect(metadata.get("llama.block_count")).toBe("1");
    expect(metadata.get("tokenizer.ggml.tokens")).toMatch(/^\["t0", "t1", .*… 100 of string\]$/);
  });

  test("may align its data as it likes, and is told where that is no power of two", async () => {
    const aligned = (size: number) => (writer: Writer) =>
      void writer.text("general.alignment").u32(4).u32(size);
    const good = await read(smallFile(3, true, 1, aligned(64), 64));
    expect(good.problems).toEqual([]);
    expect((good.tensors[0]?.offset ?? 1) % 64).toBe(0);
    const bad = await read(smallFile(3, true, 1, aligned(48)));
    expect(bad.problems).toMatchObject([{ code: "InvalidAlignment" }]);
  });

  test("with a vocabulary of megabytes is walked in windows, and no tensor is read", async () => {
    const words = 200_000;
    const file = smallFile(3, true, 1, (writer) => {
      writer.text("tokenizer.ggml.scores").u32(9).u32(6).number(words, 8);
      for (let at = 0; at < words; at++) writer.float(at);
    });
    const source = new CountingSource(new MemoryByteSource(file));
    const { tensors } = await readCheckpointFile(source, "m.gguf", "m.gguf");
    expect(tensors).toHaveLength(1);
    expect(source.bytesRead).toBeLessThan(300_000);
  });

  test.each([
    ["a type of value that does not exist", (w: Writer) => w.text("k").u32(99), "DamagedHeader"],
    ["a text longer than the file", (w: Writer) => w.text("k").u32(8).number(5000, 8), "HeaderCut"],
    [
      "an array of more elements than ggml reads",
      (w: Writer) =>
        w
          .text("k")
          .u32(9)
          .u32(0)
          .number(2 ** 40, 8),
      "DamagedHeader",
    ],
  ])("with %s is an error with its offset", async (_, keys, code) => {
    await expect(read(smallFile(3, true, 1, keys))).rejects.toMatchObject({ code, file: "m.gguf" });
  });

  test("cut anywhere is an error, or says which tensor is cut", async () => {
    const whole = smallFile(3);
    for (let length = 4; length < whole.length; length++) {
      const result = await read(whole.slice(0, length)).catch((error: unknown) => error);
      if (result instanceof CheckpointError) continue;
      expect(result).toMatchObject({ problems: [{ severity: "error", code: "TensorBeyondEnd" }] });
    }
  });
});

describe("blocks", () => {
  test.each(Object.keys(expected))("of %s have the values that numpy computes", async (name) => {
    const { tensors } = await read(blocks);
    const tensor = tensors.find(({ dtype }) => dtype === name);
    if (tensor === undefined) throw new Error(`no tensor of ${name}`);
    const bytes = blocks.subarray(tensor.offset, tensor.offset + tensor.byteSize);
    const values = Float32Array.from(decodeBlocks(bytes, name, elementCount(tensor.shape)));
    const raw = Uint8Array.from(atob(expected[name] as string), (letter) => letter.charCodeAt(0));
    expect(values).toEqual(new Float32Array(raw.buffer));
  });

  test.each(Object.keys(lattices))("of %s have the values that ggml's own code computes", (name) => {
    const size = ggmlBlocks.get(name)?.bytes as number;
    const bytes = pseudorandomBlocks(size, name === "IQ1_M" ? 55 : 1);
    const values = Float32Array.from(decodeBlocks(bytes, name, 256 * 2048));
    expect(createHash("sha256").update(values).digest("hex")).toBe(lattices[name]);
  });

  test("that are not whole are refused", () => {
    expect(() => decodeBlocks(new Uint8Array(49), "IQ1_S", 256)).toThrow(RangeError);
    expect(() => decodeBlocks(new Uint8Array(50), "IQ1_S", 255)).toThrow(RangeError);
  });
});
