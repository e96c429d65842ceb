import { cpSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, inject, test } from "vitest";
import type { TensorNumbers } from "../../../src/core/analysis/tensorNumbers";
import { CheckpointSession } from "../../../src/core/session/checkpointSession";
import type { Tensor } from "../../../src/core/tensors/tensor";
import { nodeFiles } from "../../../src/worker/nodeFiles";
import { findInTensors } from "../../../src/worker/numbers/findInTensors";
import { NumbersPool } from "../../../src/worker/numbers/numbersPool";
import { safetensorsFile } from "../../support/made/safetensorsFile";
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

/** A byte of E4M3 (OCP 8-bit floating point, 2023): no infinities, two NaN. */
function e4m3(code: number): number {
  const [exponent, fraction] = [(code >>> 3) & 15, code & 7];
  if ((code & 127) === 127) return Number.NaN;
  const size = exponent === 0 ? fraction * 2 ** -9 : (1 + fraction / 8) * 2 ** (exponent - 7);
  return code < 128 ? size : -size;
}

test.each([
  ["of several blocks at once, the last of them cut", 300, 1024],
  ["of which a block is more than is read at once", 150, 8192],
  ["of which each row has a scale", 5, 4096],
  ["of one scale", 70, 4096],
] as const)("threads count the codes of FP8 weights %s", async (what, rows, columns) => {
  const block = what.endsWith("a scale")
    ? [1, columns]
    : what.endsWith("one scale")
      ? [rows, columns]
      : [128, 128];
  const [down, across] = [Math.ceil(rows / (block[0] as number)), columns / (block[1] as number)];
  const codes = Uint8Array.from(
    { length: rows * columns },
    (_, at) => (Math.imul(at, 2_654_435_761) >>> 21) & 255,
  );
  const scales = Float32Array.from({ length: down * across }, (_, at) => 1e-4 * (1 + (at % 7)));
  const path = join(folder, "fp8.safetensors");
  const tensors = [
    { name: "w.weight", dtype: "F8_E4M3", shape: [rows, columns] },
    { name: "w.weight_scale_inv", dtype: "F32", shape: [down, across] },
  ];
  writeFileSync(
    path,
    safetensorsFile({ tensors, data: Buffer.concat([codes, new Uint8Array(scales.buffer)]) }),
  );
  const { found, outcome } = await scan(await open(path), true);
  expect(outcome.unreadable).toEqual([]);
  const finite: number[] = [];
  for (const [at, code] of codes.entries()) {
    const band = Math.floor(Math.floor(at / columns) / (block[0] as number));
    const scale = scales[band * across + Math.floor((at % columns) / (block[1] as number))] as number;
    const value = Math.fround(e4m3(code) * scale);
    if (!Number.isNaN(value)) finite.push(value);
  }
  const { statistics } = found.get("w.weight") as TensorNumbers;
  expect(statistics).toMatchObject({
    nan: codes.length - finite.length,
    inf: 0,
    zeros: finite.filter((value) => value === 0).length,
    min: finite.reduce((least, value) => Math.min(least, value)),
    max: finite.reduce((most, value) => Math.max(most, value)),
  });
  const mean = finite.reduce((sum, value) => sum + value, 0) / finite.length;
  const l2 = Math.sqrt(finite.reduce((sum, value) => sum + value * value, 0));
  expect(statistics.mean).toBeCloseTo(mean, 9);
  expect(statistics.l2 / l2).toBeCloseTo(1, 9);
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
