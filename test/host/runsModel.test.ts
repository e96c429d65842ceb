import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { DiscoveredRuns, Run } from "../../src/core/runs/run";
import { RunsModel, type RunsServices } from "../../src/host/runs/runsModel";
import { standIn, Uri } from "../support/vscodeStandIn";

function run(name: string, more: Partial<Run> = {}): Run {
  const path = `/ws/${name}`;
  return {
    id: path,
    name,
    path,
    rootName: "ws",
    checkpoints: [],
    logFiles: [],
    logs: [],
    problems: [],
    ...more,
  };
}

const logged = run("a", { logs: [{ path: "/ws/a/log.jsonl", format: "jsonl" }] });
const listen = () => ({ dispose: () => {} });

/** A worker that finds what the test says, and a model over it. */
function modelOf(found: readonly Run[]) {
  const calls: { method: string; params: Record<string, unknown>; signal: AbortSignal }[] = [];
  const warnings: string[] = [];
  const worker = { found, fails: false, held: true, checkpointsChanged: false };
  const call = async (method: string, params: Record<string, unknown>, signal: AbortSignal) => {
    calls.push({ method, params, signal });
    if (worker.fails) throw new Error("The worker is gone.");
    if (method === "runStatus") {
      const status = { progress: { lastWrittenMs: 7 }, values: [], notes: [], faults: [] };
      return { checkpointsChanged: worker.checkpointsChanged, status };
    }
    return { runs: worker.found, truncated: false, problems: [] } satisfies DiscoveredRuns;
  };
  const note = (text: string) => void warnings.push(text);
  const model = new RunsModel({
    worker: { call },
    stages: { entries: () => [], onDidChange: listen },
    log: { info: () => {}, warn: note, error: note },
    visibility: { isHeld: () => worker.held },
    extraRoots: () => [{ path: "/elsewhere", name: "elsewhere" }],
  } as unknown as RunsServices);
  const searches = () => calls.filter(({ method }) => method === "discoverRuns");
  return { model, worker, calls, warnings, searches };
}

beforeEach(() => {
  vi.useFakeTimers();
  standIn.folders.push({ uri: Uri.file("/ws"), name: "ws" });
});

afterEach(() => {
  vi.useRealTimers();
  standIn.folders.length = 0;
});

it("searches once, in the folders of the workspace and those of the user, and reads the logs after", async () => {
  const { model, calls, searches } = modelOf([run("b"), logged]);
  expect(model.isStarted).toBe(false);
  const [first, second] = await Promise.all([model.current(), model.current()]);
  expect(first.runs.map(({ name }) => name)).toEqual(["b", "a"]);
  expect(second.runs).toHaveLength(2);
  expect(searches()).toHaveLength(1);
  expect(searches()[0]?.params.roots).toEqual([
    { path: "/ws", name: "ws" },
    { path: "/elsewhere", name: "elsewhere" },
  ]);
  await vi.advanceTimersByTimeAsync(0);
  expect(calls.filter(({ method }) => method === "runStatus")).toHaveLength(1);
  expect(model.known.runs[1]?.progress).toEqual({ lastWrittenMs: 7 });
  model.dispose();
});

it("searches again when files have changed and it was quiet, if somebody looks", async () => {
  const { model, searches, worker } = modelOf([]);
  let changes = 0;
  model.onDidChange(() => changes++);
  await model.current();
  worker.found = [run("b")];
  for (let file = 0; file < 5; file++) standIn.fileCreated.fire(Uri.file(`/ws/b/${file}.safetensors`));
  await vi.runAllTimersAsync();
  expect(searches()).toHaveLength(2);
  expect(model.known.runs).toHaveLength(1);
  expect(changes).toBe(1);
  model.dispose();
});

it("leaves it for later where nobody looks, and catches up then", async () => {
  const { model, searches, worker } = modelOf([]);
  await model.current();
  worker.held = false;
  standIn.fileCreated.fire(Uri.file("/ws/b/model.safetensors"));
  await vi.runAllTimersAsync();
  expect(searches()).toHaveLength(1);
  await model.catchUp(Number.POSITIVE_INFINITY);
  expect(searches()).toHaveLength(2);
  await model.catchUp(Number.POSITIVE_INFINITY);
  expect(searches()).toHaveLength(2);
  model.dispose();
});

it("gives what the newer search finds to who waits for the older one", async () => {
  const { model, worker, searches } = modelOf([]);
  await model.current();
  worker.found = [run("new")];
  const both = Promise.all([model.refresh(), model.refresh()]);
  await both;
  expect(searches()[1]?.signal.aborted).toBe(true);
  expect(model.known.runs.map(({ name }) => name)).toEqual(["new"]);
  model.dispose();
});

it("shows no runs and says why where the search fails", async () => {
  const { model, worker, warnings } = modelOf([logged]);
  worker.fails = true;
  expect((await model.current()).runs).toEqual([]);
  expect(warnings).toEqual(["Looking for runs failed: The worker is gone."]);
  model.dispose();
});

it("says that checkpoints have come with the log", async () => {
  const { model, worker } = modelOf([logged]);
  await model.current();
  worker.checkpointsChanged = true;
  expect(await model.readLogs([logged, run("b")])).toBe(true);
  const stopped = new AbortController();
  stopped.abort();
  expect(await model.readLogs([logged], stopped.signal)).toBe(false);
  model.dispose();
});

it("tells in portions what the logs of many runs say", async () => {
  const many = Array.from({ length: 2000 }, (_, at) =>
    run(`${at}`, { logs: [{ path: `/ws/${at}/log.jsonl`, format: "jsonl" }] }),
  );
  const { model, calls } = modelOf(many);
  let told = 0;
  model.onDidUpdate(() => told++);
  await model.current();
  await vi.advanceTimersByTimeAsync(0);
  expect(calls.filter(({ method }) => method === "runStatus")).toHaveLength(2000);
  expect(model.known.runs.every(({ progress }) => progress?.lastWrittenMs === 7)).toBe(true);
  // Of the search, and of the logs at the end.
  expect(told).toBe(2);
  model.dispose();
});
