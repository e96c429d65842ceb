import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { ScanMemory } from "../../src/host/analysis/scanMemory";
import { CheckpointDocument } from "../../src/host/editor/checkpointDocument";
import { StageStore } from "../../src/host/files/stageStore";
import { workerHandlers } from "../../src/worker/workerHandlers";
import { safetensorsFile } from "../support/made/safetensorsFile";
import { quietCall } from "../support/quietCall";
import { memento, standIn, Uri } from "../support/vscodeStandIn";

let folder = "";
let path = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "document-"));
  path = join(folder, "w.safetensors");
  write(1);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function write(rows: number): void {
  const tensors = [{ name: "w", dtype: "F32", shape: [rows] }];
  writeFileSync(path, safetensorsFile({ tensors, data: new Uint8Array(4 * rows) }));
}

/** The worker's own answers, without the thread. */
function opened() {
  const handlers = workerHandlers() as unknown as Record<string, (...given: unknown[]) => unknown>;
  const calls: string[] = [];
  const call = async (method: string, params: unknown) => {
    calls.push(method);
    return handlers[method]?.(params, ...quietCall);
  };
  const stages = new StageStore(memento() as never);
  const scans = new ScanMemory(memento() as never, "/scans");
  const worker = { call: call as never };
  const document = new CheckpointDocument(Uri.file(path) as never, worker, stages, scans);
  return { document, stages, calls };
}

it("is read once however many pages ask, and closed when it is no longer shown", async () => {
  const { document, calls } = opened();
  const [first, second] = await Promise.all([document.state(), document.state()]);
  expect(first).toMatchObject({ status: "ready", generation: 1, summary: { kind: "model" } });
  expect(second).toBe(first);
  document.dispose();
  expect(calls).toEqual(["open", "close"]);
});

it("is read anew when the file has changed, and only then", async () => {
  const { document, calls } = opened();
  await document.state();
  const changed = new Promise<{ status: string }>((resolve) => document.onDidChange(resolve));
  write(2);
  standIn.fileChanged.fire(Uri.file(path));
  expect(await changed).toMatchObject({ status: "ready", generation: 2 });
  expect(calls).toEqual(["open", "open", "close"]);
  document.dispose();
});

it("hears of what changed between its reading and the watching that begins after it", async () => {
  const { document } = opened();
  const changed = new Promise<unknown>((resolve) => document.onDidChange(resolve));
  await document.state();
  write(2); // told by nobody
  expect(await changed).toMatchObject({ status: "ready", generation: 2 });
  document.dispose();
});

it("says that its file is deleted, or why it cannot be read", async () => {
  const { document } = opened();
  await document.state();
  writeFileSync(path, "{}");
  await document.reload();
  expect(await document.state()).toMatchObject({ status: "failed", problem: { severity: "error" } });
  rmSync(path);
  await document.reload();
  expect(await document.state()).toMatchObject({ status: "deleted", path });
  await expect(document.openHandle()).rejects.toThrow("not open");
  document.dispose();
});

it("shows the stage that the user sets", async () => {
  const { document, stages } = opened();
  await document.state();
  const changed = new Promise<unknown>((resolve) => document.onDidChange(resolve));
  await stages.set([await document.identity()], "pruned");
  expect(await changed).toMatchObject({ summary: { stage: { stage: "pruned" } } });
  document.dispose();
});
