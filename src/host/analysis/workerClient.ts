import { type ChildProcess, fork } from "node:child_process";
import { join } from "node:path";
import {
  type CallListeners,
  Channel,
  type ChunkOf,
  type NoCalls,
  type ParamsOf,
  type ResultOf,
} from "../../protocol/channel";
import { compiledPrefix } from "../../protocol/compiledFolder";
import type { WorkerCalls } from "../../protocol/workerApi";
import type { Log } from "../log";

type WorkerChannel = Channel<NoCalls, WorkerCalls>;

interface RunningWorker {
  readonly process: ChildProcess;
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

/** What a search has learnt is kept the longer the longer it took, and longer than live runs wait between two searches. */
const restPerSearch = 20;

/**
 * The process that reads and computes. It starts with the first request, so that activation costs nothing, and
 * starts anew after a crash; what was open in it then answers with an error and is opened again by a reload. It ends
 * when nothing has been open and nothing asked for a while. A thread that ends leaves tens of megabytes to the process
 * that it was in; this leaves nothing, and takes the extension host along in no crash.
 */
export class WorkerClient {
  private running: RunningWorker | undefined;
  private rest: NodeJS.Timeout | undefined;

  constructor(
    private readonly extensionPath: string,
    private readonly log: Log,
    /** Where the process may keep its compiled code for the next one. */
    private readonly storagePath?: string,
  ) {}

  /** Starts the process, for somebody is about to ask. */
  warm(): void {
    this.restIfDone(this.worker());
  }

  async call<K extends keyof WorkerCalls & string>(
    method: K,
    params: ParamsOf<WorkerCalls, K>,
    signal?: AbortSignal,
    listeners?: CallListeners<ChunkOf<WorkerCalls, K>>,
  ): Promise<ResultOf<WorkerCalls, K>> {
    const worker = this.worker();
    clearTimeout(this.rest);
    worker.asked++;
    const startMs = performance.now();
    try {
      const result = await worker.channel.call(method, params, signal, listeners);
      const opened = handleOf(result);
      if (opened !== undefined) worker.handles.add(opened);
      return result;
    } finally {
      worker.asked--;
      const closed = method === "close" ? handleOf(params) : undefined;
      if (closed !== undefined) worker.handles.delete(closed);
      if (method === "discoverRuns")
        worker.restMs = Math.max(worker.restMs, restPerSearch * (performance.now() - startMs));
      this.restIfDone(worker);
    }
  }

  dispose(): void {
    this.end(new Error("Checkpoint Explorer was shut down."));
  }

  private worker(): RunningWorker {
    this.running ??= this.start();
    return this.running;
  }

  private restIfDone(worker: RunningWorker): void {
    if (worker !== this.running || worker.asked > 0 || worker.handles.size > 0) return;
    clearTimeout(this.rest);
    this.rest = setTimeout(() => this.end(new Error("The analysis process was at rest.")), worker.restMs);
    this.rest.unref();
  }

  private end(reason: Error): void {
    clearTimeout(this.rest);
    const worker = this.running;
    this.running = undefined;
    worker?.channel.close(reason);
    worker?.process.kill();
  }

  private compileCache(): { readonly NODE_COMPILE_CACHE?: string } {
    if (this.storagePath === undefined) return {};
    const name = `${compiledPrefix}${process.env.CHECKPOINT_EXPLORER_VERSION}-${process.version}`;
    return { NODE_COMPILE_CACHE: join(this.storagePath, name) };
  }

  private start(): RunningWorker {
    const child = fork(join(this.extensionPath, "dist", "worker.js"), {
      // Typed arrays and Maps cross as between threads.
      serialization: "advanced",
      // The extension host may be one of Electron's processes, and be debugged.
      env: { ...process.env, ELECTRON_RUN_AS_NODE: "1", ...this.compileCache() },
      execArgv: [],
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    const channel: WorkerChannel = new Channel<NoCalls, WorkerCalls>(
      {
        post: (message) => child.send(message as object),
        onMessage: (listener) => child.on("message", listener),
      },
      {},
    );
    const stop = (reason: string) => {
      if (this.running?.process !== child) return;
      this.running = undefined;
      const error = new Error(reason);
      this.log.error(error);
      channel.close(error);
      child.kill();
    };
    child.on("error", (error) => stop(`The analysis process failed: ${error.message}`));
    child.on("exit", (code, signal) => stop(`The analysis process ended (${signal ?? `code ${code}`}).`));
    // Nothing waits for it when the extension host ends.
    child.unref();
    child.channel?.unref();
    return { process: child, channel, handles: new Set(), asked: 0, restMs: leastRestMs };
  }
}

/** Of what an answer opened, or a request closes. */
function handleOf(message: unknown): number | undefined {
  if (typeof message !== "object" || message === null || !("handle" in message)) return undefined;
  return typeof message.handle === "number" ? message.handle : undefined;
}
