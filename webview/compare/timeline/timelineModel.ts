import { type Signal, signal } from "@preact/signals";
import type { Timeline, TimelineMetric } from "../../../src/core/compare/timeline";
import { isAbortError } from "../../../src/protocol/channel";
import type { CompareHost, WorkProgress } from "../compareModel";

export type TimelineState =
  | { readonly status: "none" | "loading" }
  | { readonly status: "failed"; readonly message: string }
  | { readonly status: "ready"; readonly timeline: Timeline };

/** The updates of a run over its checkpoints, of which a message holds some metrics and not all. */
export class TimelineModel {
  /** Undefined where the panel was not opened to follow a run. */
  readonly paths: Signal<readonly string[] | undefined> = signal(undefined);
  readonly state: Signal<TimelineState> = signal({ status: "none" });
  readonly progress: Signal<WorkProgress | undefined> = signal(undefined);
  private asking: AbortController | undefined;
  private readonly asked = new Set<TimelineMetric>();

  constructor(private readonly host: CompareHost) {}

  async start(): Promise<void> {
    try {
      this.paths.value = await this.host.call("timelinePaths", null);
    } catch {
      // Without an answer there is the comparison still.
    }
  }

  /** Computes the timeline, unless it is here or on its way. */
  show(): void {
    if (this.state.value.status === "none" && this.paths.value !== undefined) void this.load();
  }

  async load(): Promise<void> {
    this.state.value = { status: "loading" };
    this.progress.value = undefined;
    this.asked.clear();
    try {
      const timeline = await this.ask(undefined);
      this.state.value = { status: "ready", timeline };
    } catch (error) {
      if (isAbortError(error)) this.state.value = { status: "failed", message: "The timeline was stopped." };
      else this.state.value = { status: "failed", message: (error as Error).message };
    }
  }

  cancel(): void {
    this.asking?.abort();
  }

  /** A metric that the first answer did not hold is asked for when it is looked at. */
  async ensureLoaded(metric: TimelineMetric): Promise<void> {
    const { value: state } = this.state;
    if (state.status !== "ready" || state.timeline.values[metric] !== undefined || this.asked.has(metric))
      return;
    this.asked.add(metric);
    try {
      const { values } = await this.ask([metric]);
      const { value: now } = this.state;
      if (now.status !== "ready") return;
      const timeline = { ...now.timeline, values: { ...now.timeline.values, ...values } };
      this.state.value = { status: "ready", timeline };
    } catch (error) {
      if (!isAbortError(error)) this.state.value = { status: "failed", message: (error as Error).message };
    }
  }

  private ask(metrics: readonly TimelineMetric[] | undefined): Promise<Timeline> {
    this.asking = new AbortController();
    const params = { paths: this.paths.value ?? [], ...(metrics === undefined ? {} : { metrics }) };
    return this.host.call("timeline", params, this.asking.signal, {
      onProgress: (progress) => {
        this.progress.value = progress;
      },
    });
  }
}
