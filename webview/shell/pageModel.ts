import { type Signal, signal } from "@preact/signals";

/** What a page is told by the extension: it asks once, and is told again. */
export abstract class PageModel<State> {
  /** Undefined until the first answer. */
  readonly state: Signal<State | undefined> = signal(undefined);
  /** The extension did not answer. */
  readonly failure: Signal<Error | undefined> = signal(undefined);

  protected constructor(private readonly ready: () => Promise<State>) {}

  async start(): Promise<void> {
    this.failure.value = undefined;
    try {
      this.receive(await this.ready());
    } catch (error) {
      this.failure.value = error as Error;
    }
  }

  /** Takes what was asked for, or told. `ready` may be answered while a newer state is already here. */
  abstract receive(state: State): void;
}
