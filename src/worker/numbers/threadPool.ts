import { Worker } from "node:worker_threads";
import type { Job, JobAnswer, JobMessage, ResultsOf } from "./numbersJob";

interface Pending {
  readonly job: Job;
  resolve(results: JobAnswer["results"]): void;
  reject(error: Error): void;
}

interface Thread {
  readonly worker: Worker;
  readonly running: Map<number, Pending>;
}

/** A second job waits in the thread while the first runs, so that none is idle while a result is looked at. */
const jobsPerThread = 2;

/** A thread's work lies in the kernels' memory; what it makes besides is small and soon gone. */
const maxYoungGenerationSizeMb = 8;

/** Threads without work end after so long: their kernels keep the memory of the largest work they had. */
const restMs = 15_000;

/** Threads that start when there is work for them, and end when there was none for a while, or with the pool. */
export class ThreadPool {
  private readonly threads: Thread[] = [];
  private readonly queue: Pending[] = [];
  private nextId = 1;
  private rest: NodeJS.Timeout | undefined;
  private isDisposed = false;

  constructor(
    readonly size: number,
    private readonly threadFile: string,
  ) {}

  /** Jobs that keep every thread busy. */
  get width(): number {
    return this.size * jobsPerThread;
  }

  /** `urgent` work, which someone waits for, goes before the rest of a long scan. */
  run<J extends Job>(job: J, urgent = false): Promise<ResultsOf<J>> {
    if (this.isDisposed) return Promise.reject(new Error("The analysis was shut down."));
    return new Promise((resolve, reject) => {
      const pending: Pending = { job, resolve: (results) => resolve(results as ResultsOf<J>), reject };
      if (urgent) this.queue.unshift(pending);
      else this.queue.push(pending);
      this.dispatch();
    });
  }

  /** Ends the threads, and what runs in them. Resolves when they are gone. */
  async dispose(): Promise<void> {
    this.isDisposed = true;
    const error = new Error("The analysis was shut down.");
    clearTimeout(this.rest);
    for (const { reject } of this.queue.splice(0)) reject(error);
    const threads = this.threads.splice(0);
    for (const { running } of threads) {
      for (const pending of running.values()) {
        pending.job.control.cancel();
        pending.reject(error);
      }
      running.clear();
    }
    await Promise.all(threads.map(({ worker }) => worker.terminate()));
  }

  private dispatch(): void {
    while (this.queue.length > 0) {
      const thread = this.freeThread();
      if (thread === undefined) return;
      const pending = this.queue.shift() as Pending;
      clearTimeout(this.rest);
      const id = this.nextId++;
      thread.running.set(id, pending);
      // A thread at work keeps the process alive, an idle one does not.
      thread.worker.ref();
      const { control, ...job } = pending.job;
      const message: JobMessage = { id, job, control: control.memory };
      thread.worker.postMessage(message);
    }
  }

  /** An idle thread, a new one, or the one with the least to do. */
  private freeThread(): Thread | undefined {
    const [least] = this.threads.toSorted((a, b) => a.running.size - b.running.size);
    if (least?.running.size === 0) return least;
    if (this.threads.length < this.size) return this.start();
    return least !== undefined && least.running.size < jobsPerThread ? least : undefined;
  }

  private start(): Thread {
    const worker = new Worker(this.threadFile, { resourceLimits: { maxYoungGenerationSizeMb } });
    const thread: Thread = { worker, running: new Map() };
    worker.on("message", ({ id, results, error }: JobAnswer) => {
      const pending = thread.running.get(id);
      thread.running.delete(id);
      if (thread.running.size === 0) this.letRest(thread);
      if (results !== undefined) pending?.resolve(results);
      else pending?.reject(new Error(error ?? "The analysis thread gave no result."));
      this.dispatch();
    });
    worker.on("error", (error) => this.drop(thread, `An analysis thread failed: ${error.message}`));
    worker.on("exit", (code) => this.drop(thread, `An analysis thread ended with code ${code}.`));
    this.threads.push(thread);
    return thread;
  }

  private letRest({ worker }: Thread): void {
    worker.unref();
    if (this.threads.some(({ running }) => running.size > 0)) return;
    clearTimeout(this.rest);
    this.rest = setTimeout(() => {
      for (const thread of this.threads.splice(0)) void thread.worker.terminate();
    }, restMs);
    this.rest.unref();
  }

  private drop(thread: Thread, reason: string): void {
    const at = this.threads.indexOf(thread);
    if (at < 0) return;
    this.threads.splice(at, 1);
    for (const { reject } of thread.running.values()) reject(new Error(reason));
    thread.running.clear();
    this.dispatch();
  }
}
