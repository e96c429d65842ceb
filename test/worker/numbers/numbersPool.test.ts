import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Worker } from "node:worker_threads";
import { afterAll, describe, expect, inject, it, vi } from "vitest";
import type { TensorNumbers } from "../../../src/core/analysis/tensorNumbers";
import { CheckpointSession } from "../../../src/core/session/checkpointSession";
import type { Tensor } from "../../../src/core/tensors/tensor";
import { heatMap } from "../../../src/core/values/heatMap";
import { firstSlice, transposed } from "../../../src/core/values/tensorSlice";
import { nodeFiles } from "../../../src/worker/nodeFiles";
import { NumbersPool, type TensorOf } from "../../../src/worker/numbers/numbersPool";
import { safetensorsFile } from "../../support/made/safetensorsFile";

const folder = mkdtempSync(join(tmpdir(), "numbers-"));
const pool = new NumbersPool({ threads: 2, threadFile: inject("numbersThreadFile") });

afterAll(async () => {
  await pool.dispose();
  rmSync(folder, { recursive: true });
});

async function open(name: string, bytes: Uint8Array): Promise<CheckpointSession> {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return CheckpointSession.open(nodeFiles, path, () => undefined);
}

describe("a scan", () => {
  it("tells the numbers of every tensor", async () => {
    const data = new Uint8Array(Float32Array.of(1, 2, 3, -6, Number.NaN, 0).buffer);
    const session = await open(
      "small.safetensors",
      safetensorsFile({
        tensors: [
          { name: "a", dtype: "F32", shape: [4] },
          { name: "b", dtype: "F32", shape: [2] },
        ],
        data,
      }),
    );
    const found = new Map<number, TensorNumbers | undefined>();
    const outcome = await pool.scan(session, undefined, {
      onTensor: (index, numbers) => void found.set(index, numbers),
    });
    expect(outcome).toEqual({ measured: 2, unreadable: [], changedFiles: [], bytes: 24 });
    expect(found.get(0)?.statistics).toMatchObject({ min: -6, max: 3, mean: 0, zeros: 0, nan: 0 });
    expect(found.get(1)?.statistics).toMatchObject({ min: 0, max: 0, zeros: 1, nan: 1 });
  });
});

describe("the picture of a slice", () => {
  const floats = Float32Array.from({ length: 1025 * 2500 }, (_, at) => Math.sin(at) * (at % 1013));
  floats[77_777] = Number.NaN;

  it.each([
    { what: "rows", shape: [1025, 2500], part: { row: 3, column: 0, rows: 1000, columns: 2499 } },
    { what: "a turned slice", shape: [1025, 2500], part: { row: 0, column: 5, rows: 2500, columns: 1020 } },
    { what: "a vector", shape: [1025 * 2500], part: { row: 7, column: 0, rows: 1025 * 2400, columns: 1 } },
    { what: "two rows", shape: [2, 1025 * 1250], part: { row: 0, column: 9, rows: 2, columns: 1025 * 1240 } },
  ])("of $what is bit for bit that of one thread", async ({ what, shape, part }) => {
    const tensors = [{ name: "a", dtype: "F32", shape }];
    const session = await open(
      "map.safetensors",
      safetensorsFile({ tensors, data: new Uint8Array(floats.buffer) }),
    );
    const tensor = session.checkpoint.tensors[0] as Tensor;
    const slice = what === "a turned slice" ? transposed(firstSlice(shape)) : firstSlice(shape);
    const told: number[] = [];
    const expected = await session.withReader((reader) =>
      heatMap(
        tensor,
        slice,
        part,
        (...range) => reader.readRange(...range),
        () => undefined,
      ),
    );
    const onBytes = (done: number) => void told.push(done);
    expect(await pool.heatMap(session, tensor, { slice, part }, { onBytes })).toEqual(expected);
    expect(expected.notFinite.reduce((sum, count) => sum + count)).toBe(1);
    const cancelling = new AbortController();
    const cancelled = pool.heatMap(session, tensor, { slice, part }, { signal: cancelling.signal });
    cancelling.abort();
    await expect(cancelled).rejects.toThrow("abort");
  });
});

it("has no threads when it was not asked for a while, and has them again at need", async () => {
  const data = new Uint8Array(Float32Array.of(1, 2).buffer);
  const session = await open(
    "rest.safetensors",
    safetensorsFile({ tensors: [{ name: "a", dtype: "F32", shape: [2] }], data }),
  );
  const ends: Promise<unknown>[] = [];
  const count = (worker: Worker) => void ends.push(new Promise((ended) => worker.on("exit", ended)));
  process.on("worker", count);
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  const resting = new NumbersPool({ threads: 2, threadFile: inject("numbersThreadFile") });
  try {
    for (const started of [1, 2]) {
      const tensor = session.checkpoint.tensors[0] as Tensor;
      const b = { source: session, tensor: { ...tensor, name: `b${started}` } };
      expect(await resting.diff({ source: session, tensor }, b)).toMatchObject({ changedShare: 0 });
      expect(ends).toHaveLength(started);
      vi.advanceTimersByTime(15_000);
      await Promise.all(ends);
    }
  } finally {
    vi.useRealTimers();
    process.off("worker", count);
    await resting.dispose();
  }
});

describe("a comparison", () => {
  it("tells how tensors differ, across dtypes", async () => {
    const a = await open(
      "a.safetensors",
      safetensorsFile({
        tensors: [{ name: "w", dtype: "F32", shape: [6] }],
        data: new Uint8Array(Float32Array.of(1, 2, Number.NaN, 4, Number.POSITIVE_INFINITY, 0).buffer),
      }),
    );
    const b = await open(
      "b.safetensors",
      safetensorsFile({
        tensors: [{ name: "w", dtype: "BF16", shape: [2, 3] }],
        data: new Uint8Array(Uint16Array.of(0x3f80, 0x4040, 0x7fc0, 0x4080, 0x3f80, 0x8000).buffer),
      }),
    );
    const [left, right] = [a, b].map((source) => ({
      source,
      tensor: source.checkpoint.tensors[0] as Tensor,
    }));
    expect(await pool.diff(left as TensorOf, right as TensorOf)).toEqual({
      elements: 6,
      compared: 4,
      maxAbs: 1,
      meanAbs: 0.25,
      relativeL2: expect.closeTo(1 / Math.sqrt(21), 14),
      normA: expect.closeTo(Math.sqrt(21), 14),
      normDifference: 1,
      cosine: expect.closeTo(23 / Math.sqrt(21 * 26), 14),
      changedShare: 2 / 6,
      nanMismatches: 1,
      histogram: { from: 0, to: 1, counts: expect.any(Float64Array) },
    });
  });

  it("tells of blocks of GGUF in tensors that are compared in several pieces", async () => {
    const [rows, columns] = [1040, 4096];
    const block = 34;
    // A scale of 1, and codes that repeat in no step of a block.
    const bytes = new Uint8Array(((rows * columns) / 32) * block).map((_, at) =>
      at % block < 2 ? (at % block) * 0x3c : (at * 7 + Math.floor(at / block)) % 100,
    );
    const changed = bytes.map((code, at) =>
      at % block > 1 && at >= bytes.length - 100 * block ? code + 2 : code,
    );
    const [left, right] = await Promise.all(
      [bytes, changed].map(async (data, side) => {
        const tensors = [{ name: "w", dtype: "U8", shape: [data.length] }];
        const source = await open(`blocks-${side}.safetensors`, safetensorsFile({ tensors, data }));
        const [stored] = source.checkpoint.tensors as [Tensor];
        return { source, tensor: { ...stored, dtype: "Q8_0", shape: [rows, columns] } };
      }),
    );
    expect(await pool.diff(left as TensorOf, right as TensorOf)).toMatchObject({
      elements: rows * columns,
      maxAbs: 2,
      changedShare: 3200 / (rows * columns),
      normDifference: Math.sqrt(4 * 3200),
    });
  });
});
