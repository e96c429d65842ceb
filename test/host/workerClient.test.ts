import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { WorkerClient } from "../../src/host/analysis/workerClient";
import type { Log } from "../../src/host/log";

/** Answers each request; what is opened has a handle, and a search for copies waits until it is cancelled. */
const workerText = `
  process.once("disconnect", () => process.exit());
  process.on("message", ({ type, id, method }) => {
    if (type !== "call" || method === "findRepeated") return;
    const result = { pid: process.pid, ...(method === "open" ? { handle: 7 } : {}), values: Float32Array.of(1, NaN) };
    process.send({ type: "ok", id, result });
  });
`;

const pids = new Set<number>();

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

const errors: string[] = [];

let folder: string;
let client: WorkerClient;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "checkpoint-explorer-client-"));
  mkdirSync(join(folder, "dist"));
  writeFileSync(join(folder, "dist", "worker.js"), workerText);
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  errors.length = 0;
  client = new WorkerClient(folder, {
    error: ({ message }: Error) => errors.push(message),
  } as unknown as Log);
});

afterEach(async () => {
  client.dispose();
  await ended();
  vi.useRealTimers();
  rmSync(folder, { recursive: true });
});

interface Answer {
  readonly pid: number;
  readonly values: Float32Array;
}

async function ask(method: string, params: unknown = {}, signal?: AbortSignal): Promise<Answer> {
  const answer = await (client.call(method as "open", params as never, signal) as unknown as Promise<Answer>);
  pids.add(answer.pid);
  return answer;
}

async function processesAfter(ms: number): Promise<number> {
  vi.advanceTimersByTime(ms);
  for (let turns = 0; turns < 200; turns++) await turn();
  return [...pids].filter(isAlive).length;
}

const ended = () => vi.waitFor(async () => expect(await processesAfter(0)).toBe(0), { timeout: 10_000 });

it("ends the process when nothing is open and nothing is asked, and starts another at need", async () => {
  client.warm();
  const { pid, values } = await ask("open");
  expect(values).toEqual(Float32Array.of(1, Number.NaN));
  expect(await processesAfter(3_600_000)).toBe(1);
  expect((await ask("tensorChunk", { handle: 7 })).pid).toBe(pid);
  await ask("close", { handle: 7 });
  expect(await processesAfter(44_000)).toBe(1);
  await processesAfter(1_000);
  await ended();
  expect((await ask("runStatus")).pid).not.toBe(pid);
});

it("loses no answer that somebody waits for, and keeps nothing for what was cancelled", async () => {
  await ask("runStatus");
  const cancelling = new AbortController();
  const asked = ask("findRepeated", {}, cancelling.signal);
  expect(await processesAfter(3_600_000)).toBe(1);
  cancelling.abort();
  await expect(asked).rejects.toThrow("Cancelled");
  await processesAfter(45_000);
  await ended();
});

it("keeps what a search has learnt the longer the longer it took", async () => {
  await ask("runStatus");
  const searching = ask("discoverRuns");
  vi.advanceTimersByTime(10_000);
  await searching;
  expect(await processesAfter(199_000)).toBe(1);
  await processesAfter(1_000);
  await ended();
});

it("tells of a process that dies, and starts another", async () => {
  const { pid } = await ask("open");
  const asked = ask("findRepeated");
  process.kill(pid, "SIGKILL");
  await expect(asked).rejects.toThrow("The analysis process ended (SIGKILL).");
  expect(errors).toEqual(["The analysis process ended (SIGKILL)."]);
  expect((await ask("open")).pid).not.toBe(pid);
});
