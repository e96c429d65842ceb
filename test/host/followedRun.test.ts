import { appendFile, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import type { Run } from "../../src/core/runs/run";
import { FollowedRun } from "../../src/host/runs/followedRun";
import type { Handlers } from "../../src/protocol/channel";
import type { WorkerCalls } from "../../src/protocol/workerApi";
import { workerHandlers } from "../../src/worker/workerHandlers";
import { quietCall } from "../support/quietCall";

/** The worker's own answers, without the thread. */
function workerHere() {
  const handlers: Handlers<WorkerCalls> = workerHandlers();
  const calls: string[] = [];
  const call = async (method: keyof WorkerCalls, params: never, signal: AbortSignal = quietCall[0]) => {
    calls.push(method);
    const answer = handlers[method] as (params: never, ...others: typeof quietCall) => unknown;
    return answer(params, signal, quietCall[1]);
  };
  return { worker: { call: call as never }, calls };
}

const line = (step: number) => `${JSON.stringify({ current_steps: step, loss: 100 / step })}\n`;

async function inFolder(use: (folder: string, run: Run) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "checkpoint-explorer-followed-"));
  const log = join(folder, "trainer_log.jsonl");
  await writeFile(log, [1, 2, 4].map(line).join(""));
  const run: Run = {
    id: "one",
    name: "my run",
    path: folder,
    rootName: "ws",
    checkpoints: [],
    logFiles: [],
    logs: [{ path: log, format: "llama-factory" }],
    problems: [],
  };
  try {
    await use(folder, run);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

it("reads a run, tells what is new and only that, and lets go of it in the end", () =>
  inFolder(async (folder, run) => {
    const { worker, calls } = workerHere();
    const followed = new FollowedRun({ kind: "run", id: "one" }, 3, { worker, findRun: async () => run });
    expect(followed.entry()).toMatchObject({ id: "one", style: 3, content: { status: "reading" } });
    await followed.open();
    const { name, path, content } = followed.entry();
    expect([name, path, content.status]).toEqual(["my run", folder, "ready"]);
    expect(await followed.look()).toBeUndefined();
    await appendFile(join(folder, "trainer_log.jsonl"), line(5));
    expect(await followed.look()).toMatchObject({
      run: "one",
      head: { metrics: [{ key: "loss", count: 4 }] },
      progress: { step: 5 },
    });
    expect(followed.entry().content).toMatchObject({ head: { metrics: [{ count: 4 }] } });
    const handle = await followed.openHandle();
    followed.close();
    expect(calls.at(-1)).toBe("close");
    const poll = worker.call as unknown as (method: string, params: unknown) => Promise<unknown>;
    await expect(poll("pollRun", { handle })).rejects.toThrow("no longer open");
  }));

it("says that a run is gone, and reads it again when it is back", () =>
  inFolder(async (_folder, run) => {
    let found: Run | undefined = run;
    const { worker } = workerHere();
    const followed = new FollowedRun({ kind: "run", id: "one" }, 0, { worker, findRun: async () => found });
    await followed.open();
    found = undefined;
    expect(await followed.look()).toBe("reopened");
    expect(followed.entry().content).toMatchObject({ status: "failed", problem: { code: "RunGone" } });
    expect(await followed.look()).toBeUndefined();
    await expect(followed.openHandle()).rejects.toThrow("not open");
    found = { ...run };
    expect(await followed.look()).toBe("reopened");
    expect(followed.entry().content.status).toBe("ready");
  }));

it("reads all again when the run has a log that is not followed, and takes a new checkpoint without that", () =>
  inFolder(async (folder, run) => {
    let found = run;
    const { worker, calls } = workerHere();
    const followed = new FollowedRun({ kind: "run", id: "one" }, 0, { worker, findRun: async () => found });
    await followed.open();
    const checkpoint = {
      path: join(folder, "checkpoint-4"),
      name: "checkpoint-4",
      step: 4,
      incomplete: true,
    };
    found = { ...run, checkpoints: [checkpoint as unknown as Run["checkpoints"][number]] };
    expect(await followed.look()).toMatchObject({ head: { checkpoints: [{ step: 4, incomplete: true }] } });
    const csv = join(folder, "lightning_logs", "metrics.csv");
    await mkdir(join(folder, "lightning_logs"));
    await writeFile(csv, "step,accuracy\n1,0.5\n");
    found = { ...found, logs: [...found.logs, { path: csv, format: "lightning-csv" }] };
    expect(await followed.look()).toBe("reopened");
    expect(calls.filter((method) => method === "followRun")).toHaveLength(2);
    expect(followed.entry().content).toMatchObject({
      head: { metrics: [{ key: "loss" }, { key: "accuracy" }] },
    });
  }));

it("charts a log by itself, named by its file, and says what is none", () =>
  inFolder(async (folder) => {
    const { worker } = workerHere();
    const findRun = async () => undefined;
    const path = join(folder, "trainer_log.jsonl");
    const log = new FollowedRun({ kind: "log", path }, 0, { worker, findRun });
    await log.open();
    expect(log.entry()).toMatchObject({ id: path, name: "trainer_log.jsonl", content: { status: "ready" } });
    const notes = join(folder, "notes.txt");
    await writeFile(notes, "Remember the milk.");
    const none = new FollowedRun({ kind: "log", path: notes }, 0, { worker, findRun });
    await none.open();
    expect(none.entry().content).toMatchObject({ status: "failed", problem: { code: "UnknownLog" } });
    expect(await none.look()).toBeUndefined();
  }));

it("does not keep open what was closed while it was being read", () =>
  inFolder(async (_folder, run) => {
    const { worker, calls } = workerHere();
    const followed = new FollowedRun({ kind: "run", id: "one" }, 0, { worker, findRun: async () => run });
    const opening = followed.open();
    followed.close();
    await opening;
    await expect(followed.openHandle()).rejects.toThrow("not open");
    expect(calls).toEqual(["followRun"]);
    expect(await followed.look()).toBeUndefined();
  }));
