import { expect, it } from "vitest";
import type { ByteSource } from "../../../src/core/bytes/byteSource";
import { openCheckpoint } from "../../../src/core/checkpoint/openCheckpoint";
import { TensorReader } from "../../../src/core/checkpoint/tensorReader";
import { readBlock } from "../../../src/core/values/readBlock";
import { firstSlice, transposed } from "../../../src/core/values/tensorSlice";
import { CountingFiles } from "../../support/countingSource";
import { llama7b } from "../../support/made/largeModels";
import { dataSizeOf, fileHead } from "../../support/made/safetensorsFile";

/** 13.5 GB of which the header is real and every 16-bit value tells its place: its index, modulo 251. */
function largeSource(): ByteSource {
  const spec = { align: 8, tensors: llama7b() };
  const head = fileHead(spec);
  return {
    size: head.length + dataSizeOf(spec),
    async read(offset, length) {
      const bytes = Uint8Array.from({ length }, (_, at) => {
        const place = offset + at - head.length;
        return place % 2 === 0 ? Math.floor(place / 2) % 251 : 0x3f;
      });
      bytes.set(head.subarray(offset, offset + length));
      return bytes;
    },
  };
}

/** BF16: the low byte is the end of the mantissa of a number between 0.5 and 1. */
function valueAt(place: number): number {
  const bits = new Uint32Array([(0x3f00 + (place % 251)) << 16]);
  return new Float32Array(bits.buffer)[0] as number;
}

it("values at the end of 13.5 GB cost less than 1 MB, opening included, whichever way they are scrolled", async () => {
  const files = new CountingFiles("/m", new Map([["model.safetensors", largeSource()]]));
  const checkpoint = await openCheckpoint(files, "/m/model.safetensors");
  const last = checkpoint.tensors.reduce((a, b) => (a.offset > b.offset ? a : b));
  expect([last.name, last.shape]).toEqual(["lm_head.weight", [32_000, 4096]]);
  const reader = new TensorReader(files, checkpoint);
  const first = last.offset / 2 - fileHead({ align: 8, tensors: llama7b() }).length / 2;
  const slice = firstSlice(last.shape);
  for (const [row, column] of [
    [0, 0],
    [16_000, 2000],
    [31_936, 4064],
  ] as const) {
    const block = { row, column, rows: 64, columns: 32 };
    const { values } = await readBlock(last, slice, block, (...range) => reader.readRange(...range));
    expect(values[0]).toBe(valueAt(first + row * 4096 + column));
    expect(values.at(-1)).toBe(valueAt(first + (row + 63) * 4096 + column + 31));
  }
  const turned = { row: 4064, column: 31_936, rows: 32, columns: 64 };
  await readBlock(last, transposed(slice), turned, (...range) => reader.readRange(...range));
  await reader.close();
  expect(files.totals.bytes).toBeLessThan(200_000);
  expect(files.openNow).toBe(0);
});
