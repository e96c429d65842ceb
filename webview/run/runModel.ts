import { type Signal, signal } from "@preact/signals";
import type { Channel } from "../../src/protocol/channel";
import type { RunHostCalls, RunPageCalls, RunState } from "../../src/protocol/runSurface";

export type RunHost = Channel<RunPageCalls, RunHostCalls>;

/** What the page of a run's chart knows. */
export class RunModel {
  readonly state: Signal<RunState | undefined> = signal(undefined);
  /** The extension did not answer. */
  readonly failure: Signal<Error | undefined> = signal(undefined);

  constructor(readonly host: RunHost) {}

  async start(): Promise<void> {
    this.failure.value = undefined;
    try {
      this.receive(await this.host.call("ready", null));
    } catch (error) {
      this.failure.value = error as Error;
    }
  }

  receive(state: RunState): void {
    const known = this.state.value;
    // `ready` may be answered while a newer `changed` is already here.
    if (known?.status === "ready" && state.status === "ready" && state.generation < known.generation) return;
    this.state.value = state;
  }
}
