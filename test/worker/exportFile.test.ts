import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { packScanChunk } from "../../src/core/analysis/scanTable";
import type { Handlers } from "../../src/protocol/channel";
import type { WorkerCalls } from "../../src/protocol/workerApi";
import { workerHandlers } from "../../src/worker/workerHandlers";
import { safetensorsFile } from "../support/made/safetensorsFile";
import { quietCall } from "../support/quietCall";
import { someStatistics } from "../support/someStatistics";

const worker: Handlers<WorkerCalls> = workerHandlers();
const folder = mkdtempSync(join(tmpdir(), "export-"));
const model = join(folder, "model.safetensors");
let handle: number;

beforeAll(async () => {
  const data = new Uint8Array(Float32Array.of(0.1, -2, Number.NaN, Number.POSITIVE_INFINITY, 1e-9, 6).buffer);
  const tensors = [{ name: '=a,"b"', dtype: "F32", shape: [2, 3] }];
  writeFileSync(model, safetensorsFile({ tensors, data }));
  ({ handle } = await worker.open({ location: { kind: "path", path: model }, userStages: [] }, ...quietCall));
});
afterAll(() => rmSync(folder, { recursive: true }));

const place = { row: 0, name: '=a,"b"' };

describe("exports", () => {
  it("write a slice as numpy.loadtxt reads it, with all digits", async () => {
    const path = join(folder, "slice.csv");
    const slice = { rowAxis: 1, columnAxis: 0, indexes: [0, 0] };
    await worker.exportSlice({ handle, tensor: place, slice, path }, ...quietCall);
    expect(readFileSync(path, "utf8")).toBe("0.1,inf\n-2,1e-9\nnan,6\n");
  });

  it("write the numbers of a scan as CSV that is no formula, and as JSON", async () => {
    const statistics = someStatistics({
      min: -2,
      max: 6,
      mean: 1,
      std: 2,
      absMax: 6,
      l2: 6.3,
      nan: 1,
      inf: 1,
    });
    const chunks = [packScanChunk([{ row: 0, numbers: { statistics } }])];
    await worker.exportScan({ handle, chunks, path: join(folder, "s.csv") }, ...quietCall);
    expect(readFileSync(join(folder, "s.csv"), "utf8")).toBe(
      'name,dtype,shape,min,max,mean,std,absMax,l2,zeros,nan,inf\r\n"\'=a,""b""",F32,2 × 3,-2,6,1,2,6,6.3,0,1,1\r\n',
    );
    await worker.exportScan({ handle, chunks, path: join(folder, "s.json") }, ...quietCall);
    expect(JSON.parse(readFileSync(join(folder, "s.json"), "utf8"))).toEqual([
      { name: '=a,"b"', dtype: "F32", shape: [2, 3], ...statistics },
    ]);
  });

  it("never write over the checkpoint, and leave nothing behind where they fail", async () => {
    const before = readFileSync(model);
    const request = { handle, tensor: place, path: model };
    await expect(worker.exportTensor(request, ...quietCall)).rejects.toThrow("never written to");
    expect(readFileSync(model).equals(before)).toBe(true);
    const cancelled = new AbortController();
    cancelled.abort();
    const path = join(folder, "cancelled.npy");
    await expect(worker.exportTensor({ ...request, path }, cancelled.signal, quietCall[1])).rejects.toThrow(
      "aborted",
    );
    expect(readdirSync(folder).filter((name) => name.includes("cancelled"))).toEqual([]);
  });
});
