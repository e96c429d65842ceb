import { mkdtempSync, rmSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Run } from "../../src/core/runs/run";
import { ScanMemory } from "../../src/host/analysis/scanMemory";
import { RunsModel, type RunsServices } from "../../src/host/runs/runsModel";
import { RunsTree } from "../../src/host/runs/runsTree";
import { SortChoice } from "../../src/host/runs/sortChoice";
import type { Handlers } from "../../src/protocol/channel";
import type { WorkerCalls } from "../../src/protocol/workerApi";
import { workerHandlers } from "../../src/worker/workerHandlers";
import { writeManyRuns } from "../support/made/manyRuns";
import { quietCall } from "../support/quietCall";
import { memento, standIn, Uri } from "../support/vscodeStandIn";
import { formatMs } from "./measure";

/**
 * `npm run bench:runs [-- RUNS CHECKPOINTS]`: the Training Runs view of a large workspace, without VS Code: the
 * worker's search, and what the extension host answers. Both run in this thread, one after the other, so that what
 * each takes is told apart: the search is the worker's, and the rows stay while it runs.
 */
const [runs, checkpoints] = [Number(process.argv[2] ?? 2000), Number(process.argv[3] ?? 10)];

const listen = () => ({ dispose: () => undefined });
const silent = () => undefined;

async function lap<T>(what: string, target: string, work: () => Promise<T>): Promise<T> {
  const [startMs, before] = [performance.now(), process.cpuUsage()];
  searchMs = 0;
  const result = await work();
  const { user, system } = process.cpuUsage(before);
  const wallMs = performance.now() - startMs;
  const aim = target === "" ? "" : ` (target ${target})`;
  const processorMs = (user + system) / 1000;
  console.log(`${what}: ${formatMs(wallMs - searchMs)} ms, of a processor ${formatMs(processorMs)} ms${aim}`);
  return result;
}

let searchMs = 0;
let answered: unknown;

/** What the worker says, asked for only when `isAsked`: the host's own part is measured without the search. */
function services(handlers: Handlers<WorkerCalls>): RunsServices {
  const call = async (method: keyof WorkerCalls, params: never) => {
    if (method === "discoverRuns" && answered !== undefined) return answered;
    const startMs = performance.now();
    const answer = handlers[method] as (params: never, ...others: typeof quietCall) => unknown;
    const found = await answer(params, ...quietCall);
    searchMs += performance.now() - startMs;
    return found;
  };
  return {
    worker: { call },
    stages: { entries: () => [], onDidChange: listen },
    log: { info: silent, warn: silent, error: console.error },
    visibility: { isHeld: () => true },
    extraRoots: () => [],
  } as unknown as RunsServices;
}

const withoutLast = (run: Run): Run => ({ ...run, checkpoints: run.checkpoints.slice(0, -1) });

const folder = mkdtempSync(join(tmpdir(), "checkpoint-explorer-runs-"));
try {
  await writeManyRuns(folder, runs, checkpoints);
  standIn.folders.push({ uri: Uri.file(folder), name: "ws" });
  const handlers = workerHandlers();
  const search = (signal = quietCall[0]) =>
    handlers.discoverRuns(
      {
        roots: [{ path: folder, name: "ws" }],
        exclude: [],
        maxDepth: 8,
        maxFolders: 100_000,
        userStages: [],
        metrics: ["loss"],
      },
      signal,
      quietCall[1],
    );
  answered = await lap("worker: first walk", "", async () => search());
  await lap("worker: nothing new", "", async () => search());
  const model = new RunsModel(services(handlers));
  const kept = memento() as never;
  const tree = new RunsTree(model, new SortChoice(kept), new ScanMemory(kept, folder), silent);
  let fired = 0;
  tree.onDidChangeTreeData(() => fired++);
  const top = await lap("host: rows after the walk", "1000", async () => {
    const shown = await tree.getChildren();
    for (const row of shown) tree.getTreeItem(row);
    return shown;
  });
  const middle = top[runs >> 1];
  if (middle === undefined) throw new Error("No run was found.");
  await lap("host: a run expanded", "100", async () => {
    for (const row of await tree.getChildren(middle)) tree.getTreeItem(row);
  });
  await delay(2000); // what the logs say is told meanwhile
  const found = await search();
  const gone = { ...found, runs: found.runs.map((run, at) => (at === runs >> 1 ? withoutLast(run) : run)) };
  answered = structuredClone(gone); // as it crosses from the worker
  await lap("host: found anew, a checkpoint is gone", "100", async () => {
    await model.refresh();
    await tree.update();
  });
  await lap("host: nothing new", "100", () => tree.update());
  console.log(
    `${top.length} runs of ${checkpoints} checkpoints; load ${loadavg()[0]?.toFixed(1)}; ${fired} times told.`,
  );
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.exit(0);
