import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, inject, test } from "vitest";
import { type ScanChunk, ScanTable } from "../../src/core/analysis/scanTable";
import { scannedFiles } from "../../src/core/report/scan/partFile";
import { encodeScan } from "../../src/core/report/scan/scanFile";
import { CheckpointSession } from "../../src/core/session/checkpointSession";
import { nodeFiles } from "../../src/worker/nodeFiles";
import { NumbersPool } from "../../src/worker/numbers/numbersPool";
import { scanOrTake } from "../../src/worker/scanOrTake";
import { safetensorsFile } from "../support/made/safetensorsFile";
import { someStatistics } from "../support/someStatistics";

const folder = mkdtempSync(join(tmpdir(), "kept-"));
const keepIn = join(folder, "scans");
const path = join(folder, "model.safetensors");

afterAll(() => rmSync(folder, { recursive: true }));

/** Small whole numbers are in BF16 too. */
const half = { code: "ExactlyHalf" };

function write(...values: readonly number[]): void {
  const data = new Uint8Array(Float32Array.from(values).buffer);
  writeFileSync(
    path,
    safetensorsFile({ tensors: [{ name: "w", dtype: "F32", shape: [values.length] }], data }),
  );
}

/** Scans in a session of its own. */
async function scan(choice: { anew?: boolean; ofCodes?: boolean; from?: string } = {}) {
  const session = await CheckpointSession.open(nodeFiles, path, () => undefined);
  const pool = new NumbersPool({ threads: 1, threadFile: inject("numbersThreadFile") });
  const table = new ScanTable(1);
  let read = 0;
  const listener = {
    onChunk: (chunk: ScanChunk) => table.add(chunk),
    onBytes: (done: number) => {
      read = done;
    },
  };
  const asked = { anew: false, ofCodes: false, keepIn, ...choice };
  const { signal } = new AbortController();
  try {
    const findings = await scanOrTake(session, pool, asked, { listener, signal });
    return { max: table.get("max", 0), read, findings };
  } finally {
    await pool.dispose();
  }
}

test("a scan of unchanged files is told from what was kept, without reading", async () => {
  write(1, Number.NaN, 3);
  const first = await scan();
  expect(first).toMatchObject({ max: 3, read: 12, findings: { problems: [{ code: "NotFinite" }, half] } });
  expect(first.findings.earlier).toBeUndefined();
  const { earlier, ...findings } = (await scan()).findings;
  expect(findings).toEqual(first.findings);
  expect(earlier?.measuredMs).toBeGreaterThan(0);
  expect(await scan()).toMatchObject({ max: 3, read: 0 });
  expect((await scan({ anew: true })).read).toBe(12);
  expect((await scan({ ofCodes: true })).read).toBe(12);
  write(1, 2, 5);
  expect(await scan()).toMatchObject({ max: 5, read: 12, findings: { problems: [half] } });
});

test("what was kept and is damaged is measured again", async () => {
  write(7);
  await scan();
  for (const name of readdirSync(keepIn)) writeFileSync(join(keepIn, name), "x".repeat(40));
  expect(await scan()).toMatchObject({ max: 7, read: 4 });
});

test("a scan's file stands in place of reading while the files are the same", async () => {
  write(7, 8);
  const session = await CheckpointSession.open(nodeFiles, path, () => undefined);
  const stats = someStatistics({ max: 99, nan: 1 });
  const text = encodeScan({
    version: "1",
    files: await scannedFiles(session.checkpoint, (file) => nodeFiles.stat(file)),
    tensorCount: 1,
    part: undefined,
    sha256: false,
    tensors: [{ index: 0, name: "w", values: { stats } }],
    changedFiles: [],
  });
  const from = join(folder, "scan.json");
  writeFileSync(from, text);
  const read = await scan({ from });
  expect(read).toMatchObject({ max: 99, read: 0, findings: { problems: [{ code: "NotFinite" }, half] } });
  expect(read.findings.earlier).toEqual({ file: from });
  expect(await scan()).toMatchObject({ max: 99, read: 0, findings: { earlier: { file: from } } });
  expect(await scan({ anew: true })).toMatchObject({ max: 8, read: 8 });
  write(7, 9, 10);
  await expect(scan({ from })).rejects.toThrow("is not what it was");
});
