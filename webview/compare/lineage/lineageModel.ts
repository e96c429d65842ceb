import { type Signal, signal } from "@preact/signals";
import type { Lineage } from "../../../src/core/stage/lineage";
import { isAbortError } from "../../../src/protocol/channel";
import type { CompareHost } from "../compareModel";

/** Where the snapshots of the panel come from. It stays in sight while it is asked for anew. */
export class LineageModel {
  readonly lineage: Signal<Lineage | undefined> = signal(undefined);
  private asking: AbortController | undefined;

  constructor(readonly host: CompareHost) {}

  async load(): Promise<void> {
    this.asking?.abort();
    const asking = new AbortController();
    this.asking = asking;
    try {
      const lineage = await this.host.call("lineage", null, asking.signal);
      if (!asking.signal.aborted) this.lineage.value = lineage;
    } catch (error) {
      // The comparison stands without it.
      if (!isAbortError(error) && !asking.signal.aborted) this.lineage.value = undefined;
    }
  }
}
