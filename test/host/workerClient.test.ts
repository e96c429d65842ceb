import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import type { Worker } from "node:worker_threads";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { WorkerClient } from "../../src/host/analysis/workerClient";
import type { Log } from "../../src/host/log";

/** Answers each request; what is opened has a handle, and a search waits until it is cancelled. */
const threadText = `
  const { parentPort, threadId } = require("node:worker_threads");
  parentPort.on("message", ({ type, id, method, params }) => {
    if (type !== "call" || method === "findRepeated") return;
    parentPort.postMessage({ type: "ok", id, result: method === "open" ? { handle: 7, threadId } : { threadId } });
  });
`;

const alive = new Set<Worker>();
const count = (worker: Worker) => {
  alive.add(worker);
  worker.on("exit", () => alive.delete(worker));
};

let folder: string;
let client: WorkerClient;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "checkpoint-explorer-client-"));
  mkdirSync(join(folder, "dist"));
  writeFileSync(join(folder, "dist", "worker.js"), threadText);
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  process.on("worker", count);
  client = new WorkerClient(folder, { error: () => undefined } as unknown as Log);
});

afterEach(async () => {
  client.dispose();
  await vi.waitFor(async () => expect(await threadsAfter(0)).toBe(0));
  process.off("worker", count);
  vi.useRealTimers();
  rmSync(folder, { recursive: true });
});

const ask = (method: string, params: unknown = {}, signal?: AbortSignal) =>
  client.call(method as "open", params as never, signal) as unknown as Promise<{ threadId: number }>;

async function threadsAfter(ms: number): Promise<number> {
  vi.advanceTimersByTime(ms);
  for (let turns = 0; turns < 200; turns++) await turn();
  return alive.size;
}

it("ends the thread when nothing is open and nothing is asked, and starts another at need", async () => {
  client.warm();
  expect(await threadsAfter(0)).toBe(1);
  const { threadId } = await ask("open");
  expect(await threadsAfter(3_600_000)).toBe(1);
  expect((await ask("tensorChunk", { handle: 7 })).threadId).toBe(threadId);
  await ask("close", { handle: 7 });
  expect(await threadsAfter(44_000)).toBe(1);
  await vi.waitFor(async () => expect(await threadsAfter(1_000)).toBe(0));
  expect((await ask("runStatus")).threadId).not.toBe(threadId);
});

it("loses no answer that somebody waits for, and keeps none for what was cancelled", async () => {
  const cancelling = new AbortController();
  const asked = ask("findRepeated", {}, cancelling.signal);
  expect(await threadsAfter(3_600_000)).toBe(1);
  cancelling.abort();
  await expect(asked).rejects.toThrow("Cancelled");
  await vi.waitFor(async () => expect(await threadsAfter(45_000)).toBe(0));
});

it("keeps what a search has learnt the longer the longer it took", async () => {
  const searching = ask("discoverRuns");
  vi.advanceTimersByTime(20_000);
  await searching;
  expect(await threadsAfter(199_000)).toBe(1);
  await vi.waitFor(async () => expect(await threadsAfter(1_000)).toBe(0));
});
