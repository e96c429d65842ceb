import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, inject, it } from "vitest";
import { type ScanChunk, ScanTable } from "../../src/core/analysis/scanTable";
import { CheckpointSession } from "../../src/core/session/checkpointSession";
import { nodeFiles } from "../../src/worker/nodeFiles";
import { NumbersPool } from "../../src/worker/numbers/numbersPool";
import { scanCheckpoint } from "../../src/worker/scanCheckpoint";
import { safetensorsFile } from "../support/made/safetensorsFile";

const folder = mkdtempSync(join(tmpdir(), "scan-"));
const pool = new NumbersPool({ threads: 1, threadFile: inject("numbersThreadFile") });

afterAll(async () => {
  await pool.dispose();
  rmSync(folder, { recursive: true });
});

/** 64 × 16 values that differ. */
function weights(seed: number): Float32Array {
  return Float32Array.from({ length: 1024 }, (_, at) => 0.05 * Math.sin(seed * 1000 + at * 1.7));
}

async function open(values: Readonly<Record<string, Float32Array>>): Promise<CheckpointSession> {
  const tensors = Object.keys(values).map((name) => ({ name, dtype: "F32", shape: [64, 16] }));
  const data = new Uint8Array(tensors.length * 4096);
  for (const [at, each] of Object.values(values).entries()) data.set(new Uint8Array(each.buffer), at * 4096);
  const path = join(folder, `${Object.keys(values).length}.safetensors`);
  writeFileSync(path, safetensorsFile({ tensors, data }));
  return CheckpointSession.open(nodeFiles, path, () => undefined);
}

it("finds NaN, dead rows, zeros, duplicates and outliers, and tells every tensor's numbers", async () => {
  const broken = weights(1);
  broken[77] = Number.NaN;
  const dead = weights(2).fill(0, 16, 48);
  const layers = Object.fromEntries(
    Array.from({ length: 8 }, (_, layer) => [
      `layers.${layer}.w`,
      weights(10 + layer).map((value) => (layer === 5 ? 60 * value : value)),
    ]),
  );
  const session = await open({
    ...layers,
    broken,
    dead,
    zeros: new Float32Array(1024),
    tied_a: weights(3),
    tied_b: weights(3),
  });
  const table = new ScanTable(session.checkpoint.tensors.length);
  let bytes = 0;
  const listener = {
    onChunk: (chunk: ScanChunk) => table.add(chunk),
    onBytes: (done: number) => {
      bytes = done;
    },
  };
  const findings = await scanCheckpoint(session, pool, {
    listener,
    ofCodes: false,
    signal: new AbortController().signal,
  });
  expect(findings.measured).toBe(13);
  expect(table.measured).toBe(13);
  expect(bytes).toBe(13 * 4096);
  const told = findings.problems.map(({ code, tensor, severity }) => `${severity} ${code} ${tensor}`).sort();
  expect(told).toEqual([
    "error NotFinite broken",
    "info DuplicateTensor tied_b",
    "warning AllZeros zeros",
    "warning DeadRows dead",
  ]);
  expect(findings.problems.find(({ code }) => code === "DeadRows")?.message).toContain("2 rows");
  expect(findings.outliers.map(({ row }) => session.checkpoint.tensors[row]?.name)).toEqual(["layers.5.w"]);
  const row = session.checkpoint.tensors.findIndex(({ name }) => name === "broken");
  expect(table.get("nan", row)).toBe(1);
});

it("stops when it is cancelled", async () => {
  const session = await open({ a: weights(1), b: weights(2) });
  const controller = new AbortController();
  controller.abort();
  const listener = { onChunk: () => {}, onBytes: () => {} };
  await expect(
    scanCheckpoint(session, pool, { listener, ofCodes: false, signal: controller.signal }),
  ).rejects.toThrow("aborted");
});

it.each([
  ["BF16", 16, 0],
  ["F16", 13, 0],
  [undefined, 13, 1],
] as const)("tells that F32 weights lose nothing as %s", async (dtype, zeroBits, odd) => {
  const cut = (values: Float32Array) => {
    const bits = new Uint32Array(values.buffer);
    for (let at = 0; at < bits.length; at++)
      // Of 13 bits cut, those below 2⁻¹⁴ would need more of F16's subnormals than it has.
      bits[at] = Math.abs(values[at] as number) < 1e-4 ? 0 : ((bits[at] as number) >>> zeroBits) << zeroBits;
    return values;
  };
  const b = cut(weights(2));
  b[1023] = odd === 1 ? 1 + 2 ** -20 : 0.5;
  const session = await open({ a: cut(weights(1)), b, ones: new Float32Array(1024).fill(1) });
  const listener = { onChunk: () => {}, onBytes: () => {} };
  const { signal } = new AbortController();
  const { problems } = await scanCheckpoint(session, pool, { listener, ofCodes: false, signal });
  expect(problems.map(({ code, message }) => [code, message.match(/saved as (\S+),/)?.[1]])).toEqual(
    dtype === undefined ? [] : [["ExactlyHalf", dtype]],
  );
});
