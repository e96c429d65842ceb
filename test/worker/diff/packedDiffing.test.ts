import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, inject, it, vi } from "vitest";
import { CheckpointSession } from "../../../src/core/session/checkpointSession";
import type { Tensor } from "../../../src/core/tensors/tensor";
import { WasmKernels } from "../../../src/kernels/wasmKernels";
import { nodeFiles } from "../../../src/worker/nodeFiles";
import { NumbersPool } from "../../../src/worker/numbers/numbersPool";
import { PlainReading, useNumberKernels } from "../../../src/worker/numbers/plainReading";
import { safetensorsFile } from "../../support/made/safetensorsFile";

const folder = mkdtempSync(join(tmpdir(), "packed-diffing-"));
const pool = new NumbersPool({ threads: 2, threadFile: inject("numbersThreadFile") });
useNumberKernels(() => WasmKernels.create(inject("kernels")));

afterAll(async () => {
  await pool.dispose();
  rmSync(folder, { recursive: true, force: true });
});

/** Of more than a piece, and no whole number of pieces. */
const shape = [1200, 4096] as const;
const [rows, columns] = shape;

/** bitsandbytes' INT8: a value is its code times a 127th of its row's scale. */
async function open(name: string, codeAt: (at: number) => number) {
  const codes = new Uint8Array(rows * columns).map((_, at) => codeAt(at));
  const scales = new Uint8Array(Float32Array.from({ length: rows }, (_, row) => 1 + row / 512).buffer);
  const path = join(folder, `${name}.safetensors`);
  const tensors = [
    { name: "w.weight", dtype: "I8", shape },
    { name: "w.SCB", dtype: "F32", shape: [rows] },
  ];
  writeFileSync(path, safetensorsFile({ tensors, data: Buffer.concat([codes, scales]) }));
  const source = await CheckpointSession.open(nodeFiles, path, () => undefined);
  const [tensor] = await source.weights();
  return { source, tensor: tensor as Tensor };
}

const code = (at: number) => (at * 7 + (at >>> 12)) & 255;

it("packed weights are compared by the threads in pieces of whole rows, as one thread does", async () => {
  const a = await open("a", code);
  const b = await open("b", (at) => (at % 5 === 0 ? code(at) ^ 1 : code(at)));
  const alone = await new PlainReading().compare([a.source, b.source], [a.tensor, b.tensor], undefined);
  const oneThread = vi.spyOn(PlainReading.prototype, "compare");
  const read: number[] = [];
  const found = await pool.diff(a, b, { onBytes: (done) => void read.push(done) });
  expect(oneThread).not.toHaveBeenCalled();
  oneThread.mockRestore();
  // The codes and the scales of both, not the values that they stand for.
  expect(read.at(-1)).toBe(2 * (rows * columns + 4 * rows));
  const { meanAbs, relativeL2, cosine, normA, normDifference, ...exact } = found ?? {};
  expect(alone).toMatchObject(exact);
  for (const [key, value] of Object.entries({ meanAbs, relativeL2, cosine, normA, normDifference }))
    expect(value, key).toBeCloseTo((alone as unknown as Record<string, number>)[key] as number, 10);
  expect(found?.changedShare).toBeCloseTo(0.2, 6);
});

it("what is cancelled is told of no more", async () => {
  const a = await open("a", code);
  const b = await open("b", code);
  const abort = new AbortController();
  const found = pool.diff(a, b, { signal: abort.signal });
  abort.abort(new Error("Enough"));
  await expect(found).rejects.toThrow("Enough");
  expect(await pool.diff(a, b)).toMatchObject({ changedShare: 0 });
});
