import type { CallListeners, ChunkOf, ParamsOf, ResultOf, Tell } from "../../protocol/channel";
import type { HostOwned, PageCall } from "../../protocol/pageCalls";
import type { WorkerCalls } from "../../protocol/workerApi";
import type { WorkerClient } from "./workerClient";

/** The parameters of a call that the extension gives. */
type Owned<K extends keyof WorkerCalls> = Pick<
  ParamsOf<WorkerCalls, K>,
  Extract<keyof ParamsOf<WorkerCalls, K>, HostOwned>
>;

type PageParams<K extends keyof WorkerCalls> = Parameters<PageCall<WorkerCalls, K>>[0];

/**
 * Hands a page's call on to the worker, with its cancellation, progress and chunks. A page runs what a file's author
 * may have slipped into it, so `owned` wins over what it sends under the same names.
 */
export function forward<K extends keyof WorkerCalls & string>(
  worker: Pick<WorkerClient, "call">,
  method: K,
  owned: () => Promise<Owned<K>> | Owned<K>,
): (
  params: PageParams<K>,
  signal: AbortSignal,
  tell: Tell<ChunkOf<WorkerCalls, K>>,
) => Promise<ResultOf<WorkerCalls, K>> {
  return async (params, signal, tell) => {
    if (typeof params !== "object" || Array.isArray(params))
      throw new TypeError(`The parameters of ${method} are no object.`);
    const all = { ...(params as object | null), ...(await owned()) } as ParamsOf<WorkerCalls, K>;
    return worker.call(method, all, signal, listenersOf(tell));
  };
}

/** Passes on what is said before the answer. */
export function listenersOf<Chunk>(tell: Tell<Chunk>): CallListeners<Chunk> {
  return { onProgress: ({ done, total, label }) => tell.progress(done, total, label), onChunk: tell.chunk };
}
