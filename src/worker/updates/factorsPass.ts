import type { CheckpointSession } from "../../core/session/checkpointSession";
import type { ReadTensorRange } from "../../core/tensors/readTensorRange";
import {
  type FactorWork,
  factorSteps,
  factorsOfTask,
  type MadeFactors,
  type MakeFactors,
} from "../../core/transform/factorQueue";
import { nodeFiles } from "../nodeFiles";
import { abortable } from "../numbers/abortable";
import { JobFiles } from "../numbers/jobFiles";
import { JobControl } from "../numbers/numbersJob";
import type { ThreadPool } from "../numbers/threadPool";
import { PlacedModules } from "./placedModules";
import type { FactorsJob } from "./updatesJob";

/** Below, it takes as long to start threads. */
const fewestBytes = 4_000_000;

/**
 * Makes the factors of new adapters with all threads: as many modules ahead as there are threads, each of which holds one.
 * What is more than plain bytes of a file is made here. Rejects as soon as it is cancelled; a thread then begins no module,
 * and of what it is at no product, and no row of a sweep.
 */
export function factorsOnThreads(threads: ThreadPool, work: FactorWork): MakeFactors {
  return async function* (tasks, sources) {
    const control = JobControl.create();
    const cancel = () => control.cancel();
    work.signal?.addEventListener("abort", cancel);
    const places = new PlacedModules(sources);
    const steps = factorSteps(sources, work);
    const isWorthThreads =
      sources.every(({ files }) => files === nodeFiles) && bytesOf(sources) >= fewestBytes;
    const running: Promise<MadeFactors>[] = [];
    try {
      for (const task of tasks) {
        work.signal?.throwIfAborted();
        const placed = isWorthThreads ? await places.findTask(task) : undefined;
        const made =
          placed === undefined
            ? factorsOfTask(task, steps.ranges, steps.pause)
            : threads
                .run<FactorsJob>({ kind: "factors", control, ...placed })
                .then(onlyOne)
                .catch((error: unknown) => {
                  // What is wrong is said as here, with its file.
                  if (task.kind !== "verify" || control.isCancelled) throw error;
                  return factorsOfTask(task, steps.ranges, steps.pause);
                });
        // Looked at in its turn.
        made.catch(() => undefined);
        running.push(made);
        if (running.length > threads.size)
          yield await abortable(running.shift() as Promise<MadeFactors>, work.signal);
      }
      for (const made of running) yield await abortable(made, work.signal);
    } finally {
      control.cancel();
      work.signal?.removeEventListener("abort", cancel);
      await Promise.all([places.close(), steps.close()]);
    }
  };
}

/** Does a job in a thread. It waits for nothing but what is there already. */
export async function runFactors({ task, paths, control }: FactorsJob): Promise<readonly MadeFactors[]> {
  const files = new JobFiles(paths);
  const read: ReadTensorRange = async ({ fileIndex, offset }, from, length) => {
    const bytes = new Uint8Array(length);
    const failure = files.read(fileIndex, offset + from, bytes, length);
    if (failure !== undefined) throw new Error(failure);
    return bytes;
  };
  const check = () => {
    if (control.isCancelled) throw new Error("The work was cancelled.");
  };
  const pause = async () => check();
  try {
    return [await factorsOfTask(task, [read, read], pause, check)];
  } finally {
    files.close();
  }
}

function bytesOf(sources: readonly CheckpointSession[]): number {
  const files = sources.flatMap(({ checkpoint }) => checkpoint.files);
  return files.reduce((sum, { bytes }) => sum + bytes, 0);
}

function onlyOne([made]: readonly MadeFactors[]): MadeFactors {
  return made ?? { factors: undefined };
}
