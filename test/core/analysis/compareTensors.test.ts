import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { compareTensors } from "../../../src/core/analysis/compareTensors";
import { PlainKernels } from "../../../src/core/analysis/plainKernels";
import { CheckpointSession } from "../../../src/core/session/checkpointSession";
import type { PackedWeight } from "../../../src/core/tensors/packed/packedWeight";
import { readUnpacked } from "../../../src/core/tensors/packed/unpackedTensor";
import type { Tensor } from "../../../src/core/tensors/tensor";
import { MemoryFiles } from "../../support/memoryFiles";
import { projectRoot } from "../../support/projectRoot";

const folder = join(projectRoot, "test", "fixtures", "diff");
const expected: Record<string, Record<string, number | string>> = JSON.parse(
  readFileSync(join(folder, "expected.json"), "utf8"),
);

async function openModel(name: string) {
  const files = new MemoryFiles({ [`/${name}`]: readFileSync(join(folder, name)) });
  const session = await CheckpointSession.open(files, `/${name}`, () => undefined);
  const reader = session.tensorReader();
  return {
    tensor: (wanted: string) => session.checkpoint.tensors.find(({ name }) => name === wanted) as Tensor,
    read: (tensor: Tensor, offset: number, length: number) => reader.readRange(tensor, offset, length),
  };
}

const [a, b] = [await openModel("a.safetensors"), await openModel("b.safetensors")];

function compare(name: string, chunkBytes: number) {
  return compareTensors([a.tensor(name), b.tensor(name)], [a.read, b.read], new PlainKernels(chunkBytes));
}

/** Differences of floats of up to 32 bits are rounded to F32; everything else is exact to the last digits. */
const f32Digits = 2 ** -22;
const f64Digits = 1e-12;

const rounded = ["maxAbs", "meanAbs", "relativeL2", "cosine", "normA", "normDifference"] as const;

/** A complex number counts as two, which these do not tell. */
const vectorial = ["relativeL2", "cosine", "normA", "normDifference"] as const;

describe("differences against numpy", () => {
  for (const [name, numbers] of Object.entries(expected)) {
    // Small chunks, so that every tensor is put together of several.
    it.each([128, 65_536])(`${name} in chunks of %i bytes`, async (chunkBytes) => {
      const found = await compare(name, chunkBytes);
      const wanted = (key: string) => Number(numbers[key]);
      expect(found?.changedShare).toBeCloseTo(wanted("changed") / Math.max(1, wanted("elements")), 12);
      expect(found?.nanMismatches).toBe(wanted("mismatches"));
      for (const key of name === "complex" ? vectorial : rounded) {
        const value = wanted(key);
        if (!Number.isFinite(value) || value === 0) expect([key, found?.[key]]).toEqual([key, value]);
        else {
          const off = Math.abs(((found?.[key] ?? Number.NaN) - value) / value);
          expect(off, `${key} is ${found?.[key]}, not ${value}`).toBeLessThan(digitsOf(name));
        }
      }
    });
  }
});

function digitsOf(name: string): number {
  return /^(?:f32|f16|bf16|complex)/.test(name) ? f32Digits : f64Digits;
}

it("unpacks each row of codes once, where as many rows as fit are whole units", async () => {
  const [rows, columns] = [40, 96];
  let unpacked = 0;
  const tensor = (packed: boolean): Tensor => ({
    ...{
      name: "w",
      dtype: "F32",
      shape: [rows, columns],
      byteSize: 4 * rows * columns,
      offset: 0,
      fileIndex: 0,
    },
    ...(packed ? { packed: weight } : {}),
  });
  const weight: PackedWeight = {
    ...{ name: "w", scheme: "", shape: [rows, columns], stored: [] },
    readRows: async (first, count, _read, _signal, into = new Float32Array(count * columns)) => {
      unpacked += count;
      return into.map((_, at) => first * columns + at);
    },
  };
  const values = Float32Array.from({ length: rows * columns }, (_, at) => at + 1);
  const found = await compareTensors(
    [tensor(true), tensor(false)],
    [
      (_, offset, length, signal, spare) =>
        readUnpacked(
          weight,
          offset,
          length,
          () => Promise.reject(new Error("Nothing is read.")),
          signal,
          spare,
        ),
      async (_, offset, length) => new Uint8Array(values.buffer, offset, length),
    ],
    new PlainKernels(4096),
  );
  expect(unpacked).toBe(rows);
  expect(found).toMatchObject({ compared: rows * columns, maxAbs: 1, meanAbs: 1 });
});
