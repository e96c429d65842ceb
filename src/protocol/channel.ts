import { CheckpointError } from "../core/problem/checkpointError";

/**
 * Requests and answers between two sides that only share messages. One interface per side lists what may be
 * asked of it, as `method(params): result`, or `method(params, chunk): result` where parts of the result come while it
 * is made; both ends are typed from it, so that neither can drift.
 */

type Method = (params: never, chunk: never) => unknown;
export type Calls = { readonly [name: string]: Method };

export type ParamsOf<C, K extends keyof C> = C[K] extends (params: infer P, chunk: never) => unknown
  ? P
  : never;
export type ChunkOf<C, K extends keyof C> = C[K] extends (params: never, chunk: infer H) => unknown
  ? H
  : never;
export type ResultOf<C, K extends keyof C> = C[K] extends (params: never, chunk: never) => infer R
  ? R
  : never;

/** How far a call is. */
export interface CallProgress {
  readonly done: number;
  readonly total: number;
  /** What is being done; empty where there is nothing to say of it. */
  readonly label: string;
}

/** What the caller hears before the answer. */
export interface CallListeners<Chunk = unknown> {
  readonly onProgress?: (progress: CallProgress) => void;
  readonly onChunk?: (chunk: Chunk) => void;
}

/** What the one who answers can say before the answer. */
export interface Tell<Chunk = unknown> {
  readonly progress: (done: number, total: number, label?: string) => void;
  readonly chunk: (chunk: Chunk) => void;
}

export type Handlers<C> = {
  readonly [K in keyof C]: (
    params: ParamsOf<C, K>,
    signal: AbortSignal,
    tell: Tell<ChunkOf<C, K>>,
  ) => Promise<ResultOf<C, K>> | ResultOf<C, K>;
};

/** Of a side that is asked nothing. */
export type NoCalls = Readonly<Record<never, never>>;

/** One direction of messages each way. `post` may lose a message: a hidden webview does not exist. */
export interface Transport {
  post(message: unknown): void;
  onMessage(listener: (message: unknown) => void): void;
}

/** An error as it crosses: what a person needs to know, never a stack trace. */
export interface WireError {
  readonly name: string;
  readonly message: string;
  readonly code?: string;
  readonly offset?: number;
  readonly file?: string;
}

type Message =
  | { readonly type: "call"; readonly id: number; readonly method: string; readonly params: unknown }
  | { readonly type: "cancel"; readonly id: number }
  | { readonly type: "progress"; readonly id: number; readonly progress: CallProgress }
  | { readonly type: "chunk"; readonly id: number; readonly chunk: unknown }
  | { readonly type: "ok"; readonly id: number; readonly result: unknown }
  | { readonly type: "failed"; readonly id: number; readonly error: WireError };

interface Pending {
  resolve(value: unknown): void;
  reject(error: Error): void;
  readonly listeners: CallListeners;
}

/** `Local` is what the other side may ask of us, `Remote` what we may ask of it. */
export class Channel<Local, Remote> {
  private nextId = 1;
  private readonly pending = new Map<number, Pending>();
  private readonly running = new Map<number, AbortController>();
  private closedBy: Error | undefined;

  constructor(
    private readonly transport: Transport,
    private readonly handlers: Handlers<Local>,
  ) {
    transport.onMessage((message) => this.receive(message));
  }

  /** Asks the other side. An abort is passed on and rejects here at once. */
  call<K extends keyof Remote & string>(
    method: K,
    params: ParamsOf<Remote, K>,
    signal?: AbortSignal,
    listeners: CallListeners<ChunkOf<Remote, K>> = {},
  ): Promise<ResultOf<Remote, K>> {
    if (this.closedBy !== undefined) return Promise.reject(this.closedBy);
    if (signal?.aborted) return Promise.reject(abortError());
    const id = this.nextId++;
    return new Promise<unknown>((resolve, reject) => {
      const onAbort = () => {
        this.pending.delete(id);
        reject(abortError());
        this.tryPost({ type: "cancel", id });
      };
      const settle = () => signal?.removeEventListener("abort", onAbort);
      this.pending.set(id, {
        resolve: (value) => {
          settle();
          resolve(value);
        },
        reject: (error) => {
          settle();
          reject(error);
        },
        listeners: listeners as CallListeners,
      });
      signal?.addEventListener("abort", onAbort);
      try {
        this.transport.post({ type: "call", id, method, params } satisfies Message);
      } catch (error) {
        // Parameters that cannot cross, or a page that was disposed.
        this.pending.delete(id);
        settle();
        throw error;
      }
    }) as Promise<ResultOf<Remote, K>>;
  }

  /** Tells the other side something and does not wait; it may be gone. */
  notify<K extends keyof Remote & string>(method: K, params: ParamsOf<Remote, K>): void {
    if (this.closedBy === undefined) this.tryPost({ type: "call", id: 0, method, params });
  }

  /** Fails what is waiting and cancels what is running: the other side is gone. */
  close(reason: Error): void {
    this.closedBy = reason;
    for (const { reject } of this.pending.values()) reject(reason);
    this.pending.clear();
    for (const controller of this.running.values()) controller.abort();
    this.running.clear();
  }

  private tryPost(message: Message): void {
    try {
      this.transport.post(message);
    } catch {
      // The other side is gone, and nobody waits for this message.
    }
  }

  private receive(received: unknown): void {
    if (this.closedBy !== undefined || !isMessage(received)) return;
    if (received.type === "call") {
      void this.answer(received.id, received.method, received.params);
    } else if (received.type === "cancel") {
      this.running.get(received.id)?.abort();
    } else if (received.type === "progress") {
      this.pending.get(received.id)?.listeners.onProgress?.(received.progress);
    } else if (received.type === "chunk") {
      this.pending.get(received.id)?.listeners.onChunk?.(received.chunk);
    } else {
      const waiting = this.pending.get(received.id);
      this.pending.delete(received.id);
      if (received.type === "ok") waiting?.resolve(received.result);
      else waiting?.reject(fromWireError(received.error));
    }
  }

  private async answer(id: number, method: string, params: unknown): Promise<void> {
    const controller = new AbortController();
    if (id !== 0) this.running.set(id, controller);
    try {
      // A method name comes from the other side: only own properties count, never `constructor`.
      const handler = Object.hasOwn(this.handlers, method) ? this.handlers[method as keyof Local] : undefined;
      if (handler === undefined) throw new Error(`No method "${method}"`);
      const result = await handler(params as never, controller.signal, this.tellOf(id, controller.signal));
      if (id !== 0 && !controller.signal.aborted)
        this.transport.post({ type: "ok", id, result } satisfies Message);
    } catch (error) {
      if (id !== 0 && !controller.signal.aborted)
        this.tryPost({ type: "failed", id, error: toWireError(error) });
    } finally {
      this.running.delete(id);
    }
  }

  /** A caller that has given up, or never waited, is told nothing. */
  private tellOf(id: number, signal: AbortSignal): Tell {
    const tell = (message: Message) => {
      if (id !== 0 && !signal.aborted) this.tryPost(message);
    };
    return {
      progress: (done, total, label = "") => tell({ type: "progress", id, progress: { done, total, label } }),
      chunk: (chunk) => tell({ type: "chunk", id, chunk }),
    };
  }
}

/** A page also gets messages of others (VS Code's own, browser extensions): only ours are looked at. */
function isMessage(value: unknown): value is Message {
  if (!isRecord(value) || typeof value.id !== "number") return false;
  if (value.type === "call") return typeof value.method === "string";
  if (value.type === "progress") return isProgress(value.progress);
  if (value.type === "failed") return isRecord(value.error) && typeof value.error.message === "string";
  return value.type === "ok" || value.type === "cancel" || value.type === "chunk";
}

function isProgress(value: unknown): value is CallProgress {
  if (!isRecord(value)) return false;
  const { done, total, label } = value;
  return typeof done === "number" && typeof total === "number" && typeof label === "string";
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

function toWireError(error: unknown): WireError {
  if (error instanceof CheckpointError) {
    const { name, message, code, offset, file } = error;
    return {
      name,
      message,
      code,
      ...(offset === undefined ? {} : { offset }),
      ...(file === undefined ? {} : { file }),
    };
  }
  if (error instanceof Error) {
    const code = "code" in error && typeof error.code === "string" ? { code: error.code } : {};
    return { name: error.name, message: error.message, ...code };
  }
  return { name: "Error", message: String(error) };
}

function fromWireError(error: WireError): Error {
  if (error.name === "CheckpointError") {
    return new CheckpointError(error.code ?? "Unknown", error.message, error.offset, error.file);
  }
  const local = Object.assign(new Error(error.message), error.code === undefined ? {} : { code: error.code });
  local.name = error.name;
  return local;
}

function abortError(): Error {
  const error = new Error("Cancelled");
  error.name = "AbortError";
  return error;
}

export function isAbortError(error: unknown): boolean {
  return error instanceof Error && error.name === "AbortError";
}
