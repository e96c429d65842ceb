import { join } from "node:path";
import { Worker } from "node:worker_threads";
import type { ScanChunk } from "../../core/analysis/scanTable";
import { Channel, type ParamsOf, type ResultOf } from "../../protocol/channel";
import type { WorkerCalls, WorkerHostCalls } from "../../protocol/workerApi";
import type { Log } from "../log";

export type ChunkListener = (chunk: ScanChunk) => void;
export type ProgressListener = (progress: { done: number; total: number; label: string }) => void;

type WorkerChannel = Channel<WorkerHostCalls, WorkerCalls>;

/**
 * The thread that reads and computes. It starts with the first request, so that activation costs nothing, and
 * starts anew after a crash; what was open in it then answers with an error and is opened again by a reload.
 */
export class WorkerClient {
  private running: { readonly worker: Worker; readonly channel: WorkerChannel } | undefined;
  private readonly progressListeners = new Map<number, ProgressListener>();
  private readonly chunkListeners = new Map<number, ChunkListener>();
  private nextToken = 1;

  constructor(
    private readonly extensionPath: string,
    private readonly log: Log,
  ) {}

  call<K extends keyof WorkerCalls & string>(
    method: K,
    params: ParamsOf<WorkerCalls, K>,
    signal?: AbortSignal,
  ): Promise<ResultOf<WorkerCalls, K>> {
    return this.channel().call(method, params, signal);
  }

  /** A token to pass with a request whose progress, and of a scan the results, someone wants to hear. */
  listenToProgress(
    listener: ProgressListener,
    onChunk?: ChunkListener,
  ): { readonly token: number; dispose(): void } {
    const token = this.nextToken++;
    this.progressListeners.set(token, listener);
    if (onChunk !== undefined) this.chunkListeners.set(token, onChunk);
    return {
      token,
      dispose: () => {
        this.progressListeners.delete(token);
        this.chunkListeners.delete(token);
      },
    };
  }

  dispose(): void {
    void this.running?.worker.terminate();
    this.running?.channel.close(new Error("Checkpoint Explorer was shut down."));
    this.running = undefined;
  }

  private channel(): WorkerChannel {
    this.running ??= this.start();
    return this.running.channel;
  }

  private start(): { worker: Worker; channel: WorkerChannel } {
    const worker = new Worker(join(this.extensionPath, "dist", "worker.js"));
    const channel: WorkerChannel = new Channel<WorkerHostCalls, WorkerCalls>(
      {
        post: (message) => worker.postMessage(message),
        onMessage: (listener) => worker.on("message", listener),
      },
      {
        progress: ({ token, ...progress }) => this.progressListeners.get(token)?.(progress),
        scanned: ({ token, chunk }) => this.chunkListeners.get(token)?.(chunk),
      },
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
    return { worker, channel };
  }
}
