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
import type { SentMeasurement, UpdateResult, UpdatesJob, UpdatesTask } from "./updatesJob";

/** Products of two values that a thread adds up in some 20 ms: a job is done before anybody would wait for it. */
const productsOfJob = 150_000_000;

/** What reading, decoding and looking at a value costs beside its products. */
const productsOfValue = 16;

/** What a module costs beside its values: thousands of small ones are told of while they are measured, and not at once. */
const productsOfModule = 2_000_000;

/** Below, it takes as long to start threads and open the files in each. */
const fewestProducts = 200_000_000;

let passes = 0;

/** Measures the modules of an adapter with all threads; undefined where one thread is as fast, or must read it. */
export function measureOnThreads(
  threads: ThreadPool,
  session: CheckpointSession,
  signal?: AbortSignal,
): MeasureModules | undefined {
  if (session.files !== nodeFiles) return undefined;
  const own = session.adapter?.modules ?? [];
  if (!isWorthThreads(own.map(productsOf))) return undefined;
  return async (modules, take) => {
    const task: UpdatesTask = { kind: "measure", path: session.checkpoint.path };
    await runUpdatesPass(threads, task, modules.map(productsOf), signal, (row, { module, measurement }) => {
      const asked = modules[row];
      if (asked === undefined || measurement === undefined || module !== asked.module) throw changed();
      take(received(asked, measurement));
    });
  };
}

/** Compares modules with all threads. @param paths what the snapshots were opened from. */
export function compareOnThreads(
  threads: ThreadPool,
  paths: readonly string[],
  signal?: AbortSignal,
): CompareModules {
  return (rows, options, take) => {
    if (!isWorthThreads(rows.map(productsOfRow))) return undefined;
    const task: UpdatesTask = { kind: "compare", paths, options };
    return runUpdatesPass(threads, task, rows.map(productsOfRow), signal, (row, { module, comparison }) => {
      const asked = rows[row];
      if (asked === undefined || comparison === undefined || module !== asked.name) throw changed();
      const measurements = comparison.measurements.map((measurement, column) => {
        const own = asked.modules[column];
        return measurement && own && received(own, measurement);
      });
      take({ ...comparison, measurements });
    });
  };
}

/** Follows modules with all threads. @param paths what the snapshots were opened from. */
export function followOnThreads(
  threads: ThreadPool,
  paths: readonly string[],
  signal?: AbortSignal,
): FollowModules {
  return (_, rows, metrics, take) => {
    if (!isWorthThreads(rows.map(productsOfRow))) return undefined;
    const task: UpdatesTask = { kind: "follow", paths, metrics };
    return runUpdatesPass(threads, task, rows.map(productsOfRow), signal, (row, { module, values }) => {
      if (values === undefined || module !== rows[row]?.name) throw changed();
      take(values);
    });
  };
}

/** Runs a task in jobs of about equal work. @throws the signal's reason as soon as it is cancelled. */
async function runUpdatesPass(
  threads: ThreadPool,
  task: UpdatesTask,
  products: readonly number[],
  signal: AbortSignal | undefined,
  take: (row: number, result: UpdateResult) => void,
): Promise<void> {
  signal?.throwIfAborted();
  const pass = ++passes;
  const long = new LongPass(threads, { signal });
  const jobs = jobsOf(products);
  const waiting = new Map<number, readonly UpdateResult[]>();
  let next = 0;
  const run = long.run(
    jobs.entries(),
    ([, rows], control): UpdatesJob => ({ kind: "updates", control, pass, task, rows }),
    ([at], results) => {
      waiting.set(at, results);
      for (let ready = waiting.get(next); ready !== undefined; ready = waiting.get(++next)) {
        waiting.delete(next);
        for (const [index, result] of ready.entries()) take(jobs[next]?.[index] as number, result);
      }
    },
  );
  await abortable(
    run.finally(() => long.close()),
    signal,
  );
}

function jobsOf(products: readonly number[]): readonly (readonly number[])[] {
  const jobs: number[][] = [];
  let sum = Number.POSITIVE_INFINITY;
  for (const [row, own] of products.entries()) {
    const cost = own + productsOfModule;
    if (sum + cost > productsOfJob) {
      jobs.push([]);
      sum = 0;
    }
    jobs.at(-1)?.push(row);
    sum += cost;
  }
  return jobs;
}

function isWorthThreads(products: readonly number[]): boolean {
  return products.reduce((sum, own) => sum + own, 0) >= fewestProducts;
}

function productsOf(module: LoraModule): number {
  const values = storedTensors(module).reduce((sum, { shape }) => sum + elementCount(shape), 0);
  return values * (module.rank + productsOfValue);
}

function productsOfRow({ modules }: { readonly modules: readonly (LoraModule | undefined)[] }): number {
  return 2 * modules.reduce((sum, module) => sum + (module === undefined ? 0 : productsOf(module)), 0);
}

function received(module: LoraModule, { fingerprint, ...numbers }: SentMeasurement): ModuleMeasurement {
  const evidence = fingerprint?.evidence ?? "";
  return { ...numbers, module, fingerprint: fingerprint && { ...fingerprint, evidence: () => evidence } };
}

function changed(): Error {
  return new Error("The file has changed since it was opened. Reload the editor.");
}
