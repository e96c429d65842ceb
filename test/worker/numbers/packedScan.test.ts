import { cpSync, mkdtempSync, readFileSync, rmSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, inject, test } from "vitest";
import type { TensorNumbers } from "../../../src/core/analysis/tensorNumbers";
import { CheckpointSession } from "../../../src/core/session/checkpointSession";
import type { Tensor } from "../../../src/core/tensors/tensor";
import { nodeFiles } from "../../../src/worker/nodeFiles";
import { findInTensors } from "../../../src/worker/numbers/findInTensors";
import { NumbersPool } from "../../../src/worker/numbers/numbersPool";
import { projectRoot } from "../../support/projectRoot";

const fixtures = join(projectRoot, "test/fixtures/packed");
const threadFile = inject("numbersThreadFile");
const pool = new NumbersPool({ threads: 2, threadFile });
const folder = mkdtempSync(join(tmpdir(), "packed-scan-"));

afterAll(async () => {
  await pool.dispose();
  rmSync(folder, { recursive: true });
});

const open = (path: string) => CheckpointSession.open(nodeFiles, path, () => undefined);

async function scan(session: CheckpointSession, unpacked: boolean) {
  const found = new Map<string, TensorNumbers | undefined>();
  const packed = await session.packedCodes();
  const outcome = await pool.scan(session, undefined, {
    ...(unpacked ? { packed } : {}),
    onTensor: (index, numbers) => {
      const tensor = session.checkpoint.tensors[index] as Tensor;
      found.set((unpacked ? packed.weights.get(tensor)?.name : undefined) ?? tensor.name, numbers);
    },
  });
  return { found, outcome };
}

test("threads measure packed weights as the values that numpy computes", async () => {
  const session = await open(join(fixtures, "weights.safetensors"));
  const { found, outcome } = await scan(session, true);
  const values = await scan(await open(join(fixtures, "values.safetensors")), false);
  expect(outcome.unreadable).toEqual([]);
  expect(values.found.size).toBeGreaterThan(10);
  for (const [name, expected] of values.found) {
    const { statistics } = found.get(name) as TensorNumbers;
    const { mean, std, l2, ...counted } = (expected as TensorNumbers).statistics;
    expect(statistics, name).toMatchObject(counted);
    // Sums of another order, or of values before they were rounded to F32.
    for (const [id, value] of Object.entries({ mean, std, l2 }))
      expect(Math.abs(statistics[id as "mean"] - value), `${name} ${id}`).toBeLessThanOrEqual(2 ** -23 * l2);
  }
});

test("threads measure codes of which the file says what they stand for", async () => {
  const table = join(projectRoot, "test/fixtures/formatTable");
  const { found, outcome } = await scan(await open(join(table, "codes.onnx")), true);
  expect(outcome.unreadable).toEqual([]);
  const wanted: Record<string, { values: string }> = JSON.parse(
    readFileSync(join(table, "codes.json"), "utf8"),
  );
  for (const [name, { values }] of Object.entries(wanted)) {
    const bytes = Buffer.from(values, "base64");
    const numbers = Array.from({ length: bytes.length / 4 }, (_, at) => bytes.readFloatLE(4 * at));
    const { min, max } = (found.get(name) as TensorNumbers).statistics;
    const sides = [Math.min(...numbers), Math.max(...numbers)];
    for (const [at, side] of [min, max].entries())
      expect(Math.abs(side - (sides[at] as number)), name).toBeLessThanOrEqual(2 ** -22);
  }
});

test("hashes are of what is stored, statistics of the values unless codes are asked for", async () => {
  const session = await open(join(fixtures, "weights.safetensors"));
  const { weights } = await session.packedCodes();
  const index = session.checkpoint.tensors.findIndex((tensor) => weights.has(tensor));
  const asked = { stats: true, sha256: true };
  const ofValues = await findInTensors(session, asked, { threads: 1, threadFile });
  const ofCodes = await findInTensors(session, { ...asked, ofCodes: true }, { threads: 1, threadFile });
  expect(ofValues.tensors.get(index)?.sha256).toMatch(/^[0-9a-f]{64}$/);
  expect(ofValues.tensors.get(index)?.sha256).toBe(ofCodes.tensors.get(index)?.sha256);
  expect(ofValues.tensors.get(index)?.stats).not.toEqual(ofCodes.tensors.get(index)?.stats);
  expect(ofValues.problems).toEqual([]);
});

test("a weight whose bytes went missing is told of, and the others are measured", async () => {
  const path = join(folder, "weights.safetensors");
  cpSync(join(fixtures, "weights.safetensors"), path);
  const session = await open(path);
  await session.packedCodes();
  truncateSync(path, session.checkpoint.tensors[0]?.offset ?? 0);
  const { outcome } = await scan(session, true);
  expect(outcome.changedFiles).toContain(0);
});
