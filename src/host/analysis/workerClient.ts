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

/**
 * The thread that reads and computes. It starts with the first request, so that activation costs nothing, and
 * starts anew after a crash; what was open in it then answers with an error and is opened again by a reload.
 */
export class WorkerClient {
  private running: { readonly worker: Worker; readonly channel: WorkerChannel } | undefined;

  constructor(
    private readonly extensionPath: string,
    private readonly log: Log,
  ) {}

  call<K extends keyof WorkerCalls & string>(
    method: K,
    params: ParamsOf<WorkerCalls, K>,
    signal?: AbortSignal,
    listeners?: CallListeners<ChunkOf<WorkerCalls, K>>,
  ): Promise<ResultOf<WorkerCalls, K>> {
    return this.channel().call(method, params, signal, listeners);
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
    return { worker, channel };
  }
}
