import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, inject, it } from "vitest";
import type { TensorNumbers } from "../../../src/core/analysis/tensorNumbers";
import { CheckpointSession } from "../../../src/core/session/checkpointSession";
import type { Tensor } from "../../../src/core/tensors/tensor";
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
});
