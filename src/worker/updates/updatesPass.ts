import { type LoraModule, storedTensors } from "../../core/adapter/loraModule";
import type { CompareModules } from "../../core/compare/comparison";
import type { FollowModules } from "../../core/compare/computeTimeline";
import type { CheckpointSession } from "../../core/session/checkpointSession";
import { elementCount } from "../../core/tensors/tensor";
import type { MeasureModules, ModuleMeasurement } from "../../core/update/measureModule";
import { nodeFiles } from "../nodeFiles";
import { abortable } from "../numbers/abortable";
import { LongPass } from "../numbers/longPass";
import type { ThreadPool } from "../numbers/threadPool";
import { PlacedModules } from "./placedModules";
import { updateResult } from "./updateResult";
import type { SentMeasurement, UpdateResult, UpdatesJob, UpdatesRow, UpdatesTask } from "./updatesJob";

/** Products of two values that a thread adds up in some 10 ms: a job is done before anybody would wait for it. */
const productsOfJob = 70_000_000;

/** Below, sending a job takes as long as doing it. */
const leastProductsOfJob = 8_000_000;

/** What reading, decoding and looking at a value costs beside its products. */
const productsOfValue = 16;

/** What a module costs beside its values: thousands of small ones are told of while they are measured, and not at once. */
const productsOfModule = 2_000_000;

/** Below, it takes as long to start threads. */
const fewestProducts = 200_000_000;

type Sources = readonly (CheckpointSession | undefined)[];

/** Measures the modules of an adapter with all threads; undefined where one thread is as fast, or must read it. */
export function measureOnThreads(
  threads: ThreadPool,
  session: CheckpointSession,
  signal?: AbortSignal,
): MeasureModules | undefined {
  const own = session.adapter?.modules ?? [];
  if (!isWorthThreads([session], own.map(aloneInRow))) return undefined;
  return (modules, take) => {
    const pass = { task: { kind: "measure" }, sources: [session], rows: modules.map(aloneInRow) } as const;
    return runUpdatesPass(threads, pass, signal, (row, { measurement }) => {
      const asked = modules[row];
      if (asked !== undefined && measurement !== undefined) take(received(asked, measurement));
    });
  };
}

/** Compares modules with all threads. */
export function compareOnThreads(threads: ThreadPool, signal?: AbortSignal): CompareModules {
  return (snapshots, rows, options, take) => {
    const sources = snapshots.map(({ session }) => session);
    if (!isWorthThreads(sources, rows)) return undefined;
    const pass = { task: { kind: "compare", options }, sources, rows } as const;
    return runUpdatesPass(threads, pass, signal, (row, { comparison }) => {
      const asked = rows[row];
      if (asked === undefined || comparison === undefined) return;
      const measurements = comparison.measurements.map((measurement, column) => {
        const own = asked.modules[column];
        return measurement && own && received(own, measurement);
      });
      take({ ...comparison, module: asked.name, measurements });
    });
  };
}

/** Follows modules with all threads. */
export function followOnThreads(threads: ThreadPool, signal?: AbortSignal): FollowModules {
  return (snapshots, rows, metrics, take) => {
    const sources = snapshots.map(({ session }) => session);
    if (!isWorthThreads(sources, rows)) return undefined;
    const pass = { task: { kind: "follow", metrics }, sources, rows } as const;
    return runUpdatesPass(threads, pass, signal, (_, { values }) => values && take(values));
  };
}

interface UpdatesPass {
  readonly task: UpdatesTask;
  /** One for each module of a row. */
  readonly sources: Sources;
  readonly rows: readonly UpdatesRow[];
}

/**
 * Runs a task in jobs of about equal work, and takes its results in the order of the rows. What is more than plain bytes of
 * a file is read here.
 * @throws the signal's reason as soon as it is cancelled, and where a file is not what it was when it was opened.
 */
async function runUpdatesPass(
  threads: ThreadPool,
  { task, sources, rows }: UpdatesPass,
  signal: AbortSignal | undefined,
  take: (row: number, result: UpdateResult) => void,
): Promise<void> {
  signal?.throwIfAborted();
  const long = new LongPass(threads, { signal });
  const places = new PlacedModules(sources);
  const readers = sources.map((session) => session?.tensorReader());
  const jobs = jobsOf(rows, threads.width);
  const waiting = new Map<number, readonly UpdateResult[]>();
  let next = 0;
  let row = 0;
  const accept = (at: number, results: readonly UpdateResult[]) => {
    waiting.set(at, results);
    for (let ready = waiting.get(next); ready !== undefined; ready = waiting.get(++next)) {
      waiting.delete(next);
      for (const result of ready) take(row++, result);
    }
  };
  async function* placedJobs() {
    for (const [at, job] of jobs.entries()) {
      const placed = await places.find(job);
      if (placed !== undefined) yield { at, placed };
      else {
        const results: UpdateResult[] = [];
        for (const each of job) {
          if (long.isCancelled) return;
          results.push(await updateResult(task, each, readers));
        }
        accept(at, results);
      }
    }
  }
  const run = async () => {
    try {
      await places.look(rows);
      await long.run(
        placedJobs(),
        ({ placed }, control): UpdatesJob => ({ kind: "updates", control, task, ...placed }),
        ({ at }, results) => accept(at, results),
      );
      await places.lookAgain();
    } finally {
      long.close();
      await Promise.all([places.close(), ...readers.map((reader) => reader?.close())]);
    }
  };
  await abortable(run(), signal);
}

/** @param width jobs that wait or are done at a time: towards the end they get smaller, so that no thread waits for another. */
function jobsOf(rows: readonly UpdatesRow[], width: number): readonly (readonly UpdatesRow[])[] {
  const jobs: UpdatesRow[][] = [];
  const costs = rows.map((row) => productsOf(row) + productsOfModule);
  let left = costs.reduce((total, cost) => total + cost, 0);
  let room = 0;
  for (const [at, row] of rows.entries()) {
    const cost = costs[at] as number;
    if (cost > room) {
      jobs.push([]);
      room = Math.min(productsOfJob, Math.max(leastProductsOfJob, left / (2 * width)));
    }
    jobs.at(-1)?.push(row);
    room -= cost;
    left -= cost;
  }
  return jobs;
}

function isWorthThreads(sources: Sources, rows: readonly UpdatesRow[]): boolean {
  const isLocal = sources.every((session) => session === undefined || session.files === nodeFiles);
  return isLocal && rows.reduce((sum, row) => sum + productsOf(row), 0) >= fewestProducts;
}

/** Comparing modules costs about as much as measuring them. */
function productsOf({ modules }: UpdatesRow): number {
  const own = modules.map((module) => {
    if (module === undefined) return 0;
    const values = storedTensors(module).reduce((sum, { shape }) => sum + elementCount(shape), 0);
    return values * (module.rank + productsOfValue);
  });
  return (modules.length > 1 ? 2 : 1) * own.reduce((sum, products) => sum + products, 0);
}

function aloneInRow(module: LoraModule): UpdatesRow {
  return { modules: [module] };
}

function received(module: LoraModule, { fingerprint, ...numbers }: SentMeasurement): ModuleMeasurement {
  const evidence = fingerprint?.evidence ?? "";
  return { ...numbers, module, fingerprint: fingerprint && { ...fingerprint, evidence: () => evidence } };
}
