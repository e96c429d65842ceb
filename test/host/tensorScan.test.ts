import { describe, expect, it } from "vitest";
import type { ScanFindings } from "../../src/core/analysis/scanFindings";
import type { ScanChunk } from "../../src/core/analysis/scanTable";
import { TensorScan } from "../../src/host/editor/tensorScan";
import type { CallListeners } from "../../src/protocol/channel";

const findings: ScanFindings = {
  problems: [],
  outliers: [],
  outlierCount: 0,
  measured: 2,
  bytes: 8,
  packed: 0,
  ofCodes: false,
};

/** A worker whose scan goes on as the test says. */
function scanned() {
  const calls: { params: unknown; signal: AbortSignal; listeners: CallListeners<ScanChunk> }[] = [];
  let finish: (found: ScanFindings) => void = () => {};
  const call = (
    _method: string,
    params: unknown,
    signal: AbortSignal,
    listeners: CallListeners<ScanChunk>,
  ) => {
    calls.push({ params, signal, listeners });
    return new Promise<ScanFindings>((resolve, reject) => {
      finish = resolve;
      signal.addEventListener("abort", () => {
        reject(Object.assign(new Error("Cancelled"), { name: "AbortError" }));
      });
    });
  };
  const finished: ScanFindings[] = [];
  const scan = new TensorScan(
    { call: call as never },
    async () => 7,
    "/scans",
    (found) => finished.push(found),
  );
  return { scan, calls, finished, finish: (found: ScanFindings) => finish(found) };
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
const chunk = { rows: [1] } as unknown as ScanChunk;

describe("TensorScan", () => {
  it("keeps what comes while it runs, and its findings when it is done", async () => {
    const { scan, calls, finished, finish } = scanned();
    const running = scan.start({ ofCodes: false, anew: false });
    await turn();
    calls[0]?.listeners.onProgress?.({ done: 4, total: 8, label: "" });
    calls[0]?.listeners.onChunk?.(chunk);
    expect(calls[0]?.params).toMatchObject({ handle: 7 });
    expect(scan.state()).toMatchObject({ status: "running", doneBytes: 4, totalBytes: 8, chunks: 1 });
    expect(scan.chunk(scan.state().id, 0)).toBe(chunk);
    finish(findings);
    await running;
    expect(scan.state()).toMatchObject({ status: "done", doneBytes: 8, findings });
    expect(finished).toEqual([findings]);
    scan.dispose();
  });

  it("runs once however often it is started, and keeps what it has when it is cancelled", async () => {
    const { scan, calls } = scanned();
    const running = scan.start({ ofCodes: false, anew: false });
    await scan.start({ ofCodes: false, anew: false });
    await turn();
    expect(calls).toHaveLength(1);
    calls[0]?.listeners.onChunk?.(chunk);
    scan.cancel();
    await running;
    expect(scan.state()).toMatchObject({ status: "cancelled", chunks: 1 });
    scan.dispose();
  });

  it("forgets everything when the file is another, and hears nothing late", async () => {
    const { scan, calls } = scanned();
    const running = scan.start({ ofCodes: false, anew: false });
    await turn();
    const { id } = scan.state();
    scan.reset();
    calls[0]?.listeners.onChunk?.(chunk);
    await running;
    expect(calls[0]?.signal.aborted).toBe(true);
    expect(scan.state()).toMatchObject({ status: "none", chunks: 0 });
    expect(scan.chunk(id, 0)).toBeUndefined();
    scan.dispose();
  });
});
