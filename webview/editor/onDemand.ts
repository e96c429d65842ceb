import { type Signal, signal } from "@preact/signals";
import { type CallListeners, type CallProgress, isAbortError } from "../../src/protocol/channel";

export type Answer<T> =
  | { readonly status: "not asked" | "waiting" | "cancelled" }
  | { readonly status: "ready"; readonly value: T }
  | { readonly status: "failed"; readonly error: Error };

/** Something that takes a while and is asked for when its tab is first opened. */
export class OnDemand<T> {
  readonly answer: Signal<Answer<T>> = signal({ status: "not asked" });
  /** How far it is, where that is told. */
  readonly progress: Signal<CallProgress | undefined> = signal(undefined);
  private asking: AbortController | undefined;

  constructor(private readonly request: (signal: AbortSignal, listeners: CallListeners) => Promise<T>) {}

  /** Does nothing where the answer is there or on its way. */
  ensureLoaded(): void {
    if (this.answer.value.status === "not asked") void this.ask();
  }

  async ask(): Promise<void> {
    this.asking?.abort();
    const controller = new AbortController();
    const wanted = controller.signal;
    this.asking = controller;
    this.progress.value = undefined;
    this.answer.value = { status: "waiting" };
    const onProgress = (progress: CallProgress) => {
      if (!wanted.aborted) this.progress.value = progress;
    };
    try {
      const value = await this.request(wanted, { onProgress });
      if (!wanted.aborted) this.answer.value = { status: "ready", value };
    } catch (error) {
      if (!wanted.aborted && !isAbortError(error))
        this.answer.value = { status: "failed", error: error as Error };
    }
  }

  cancel(): void {
    this.asking?.abort();
    this.answer.value = { status: "cancelled" };
  }

  /** The file has changed: the answer was about another one. */
  invalidate(): void {
    this.asking?.abort();
    this.answer.value = { status: "not asked" };
  }
}
