import { join } from "node:path";
import { Worker } from "node:worker_threads";
import {
  type CallListeners,
  Channel,
  type ChunkOf,
  type NoCalls,
  type ParamsOf,
  type ResultOf,
} from "../../protocol/channel";
import type { WorkerCalls } from "../../protocol/workerApi";
import type { Log } from "../log";

type WorkerChannel = Channel<NoCalls, WorkerCalls>;

interface RunningThread {
  readonly worker: Worker;
  readonly channel: WorkerChannel;
  /** Of what is open in it. */
  readonly handles: Set<number>;
  /** Requests that are not answered. */
  asked: number;
  /** Until it ends when nothing is open and nothing is asked. */
  restMs: number;
}

/** More than the longest usual pause between two looks at a training that is being written. */
const leastRestMs = 45_000;

/** What a search has learnt is kept the longer the longer it took: to find it again may take a tenth of the time. */
const restPerSearch = 10;

/**
 * The thread that reads and computes. It starts with the first request, so that activation costs nothing, and
 * starts anew after a crash; what was open in it then answers with an error and is opened again by a reload. It ends
 * when nothing has been open and nothing asked for a while, for an engine keeps the memory that it once had.
 */
export class WorkerClient {
  private running: RunningThread | undefined;
  private rest: NodeJS.Timeout | undefined;

  constructor(
    private readonly extensionPath: string,
    private readonly log: Log,
  ) {}

  /** Starts the thread, for somebody is about to ask. */
  warm(): void {
    this.restIfDone(this.thread());
  }

  async call<K extends keyof WorkerCalls & string>(
    method: K,
    params: ParamsOf<WorkerCalls, K>,
    signal?: AbortSignal,
    listeners?: CallListeners<ChunkOf<WorkerCalls, K>>,
  ): Promise<ResultOf<WorkerCalls, K>> {
    const thread = this.thread();
    clearTimeout(this.rest);
    thread.asked++;
    const startMs = performance.now();
    try {
      const result = await thread.channel.call(method, params, signal, listeners);
      const opened = handleOf(result);
      if (opened !== undefined) thread.handles.add(opened);
      return result;
    } finally {
      thread.asked--;
      const closed = method === "close" ? handleOf(params) : undefined;
      if (closed !== undefined) thread.handles.delete(closed);
      if (method === "discoverRuns")
        thread.restMs = Math.max(thread.restMs, restPerSearch * (performance.now() - startMs));
      this.restIfDone(thread);
    }
  }

  dispose(): void {
    this.end(new Error("Checkpoint Explorer was shut down."));
  }

  private thread(): RunningThread {
    this.running ??= this.start();
    return this.running;
  }

  private restIfDone(thread: RunningThread): void {
    if (thread !== this.running || thread.asked > 0 || thread.handles.size > 0) return;
    clearTimeout(this.rest);
    this.rest = setTimeout(() => this.end(new Error("The analysis thread was at rest.")), thread.restMs);
    this.rest.unref();
  }

  private end(reason: Error): void {
    clearTimeout(this.rest);
    const thread = this.running;
    this.running = undefined;
    thread?.channel.close(reason);
    void thread?.worker.terminate();
  }

  private start(): RunningThread {
    const worker = new Worker(join(this.extensionPath, "dist", "worker.js"));
    const channel: WorkerChannel = new Channel<NoCalls, WorkerCalls>(
      {
        post: (message) => worker.postMessage(message),
        onMessage: (listener) => worker.on("message", listener),
      },
      {},
    );
    const stop = (reason: Error) => {
      this.log.error(reason);
      channel.close(reason);
      if (this.running?.worker === worker) this.running = undefined;
    };
    worker.on("error", (error) => stop(new Error(`The analysis thread failed: ${error.message}`)));
    worker.on("exit", (code) => {
      if (this.running?.worker === worker) stop(new Error(`The analysis thread ended with code ${code}.`));
    });
    // Nothing waits for the thread when the extension host ends.
    worker.unref();
    return { worker, channel, handles: new Set(), asked: 0, restMs: leastRestMs };
  }
}

/** Of what an answer opened, or a request closes. */
function handleOf(message: unknown): number | undefined {
  if (typeof message !== "object" || message === null || !("handle" in message)) return undefined;
  return typeof message.handle === "number" ? message.handle : undefined;
}
