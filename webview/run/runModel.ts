import { batch, computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import type { RunProgress } from "../../src/core/runs/series/runProgress";
import type { Channel } from "../../src/protocol/channel";
import type {
  RunEntry,
  RunHostCalls,
  RunPageCalls,
  RunState,
  RunUpdate,
} from "../../src/protocol/runSurface";
import { PageModel } from "../shell/pageModel";
import type { DrawnRun } from "../training/chartPlans";

export type RunHost = Channel<RunPageCalls, RunHostCalls>;

/** What the page of runs' charts knows. */
export class RunModel extends PageModel<RunState> {
  /** Where each training stands, by the run's id: this changes more often than its lines do. */
  readonly progress: Signal<ReadonlyMap<string, RunProgress>> = signal(new Map());
  /** The extension's clock minus the page's, in milliseconds. */
  readonly clockAheadMs = signal(0);
  /** The runs whose logs are read. */
  readonly drawn: ReadonlySignal<readonly DrawnRun[]>;
  private readonly drawnRuns = new WeakMap<RunEntry, DrawnRun>();

  constructor(readonly host: RunHost) {
    super(() => host.call("ready", null));
    this.drawn = computed(() =>
      (this.state.value?.runs ?? []).flatMap((entry) => this.drawnRun(entry) ?? []),
    );
  }

  receive(state: RunState): void {
    const known = this.state.value;
    // `ready` may be answered while a newer `changed` is already here.
    if (known !== undefined && state.generation < known.generation) return;
    batch(() => {
      this.state.value = state;
      this.clockAheadMs.value = state.nowMs - Date.now();
      this.progress.value = new Map(
        state.runs.flatMap(({ id, content }) =>
          content.status === "ready" ? [[id, content.head.progress] as const] : [],
        ),
      );
    });
  }

  /** New points, new checkpoints, or only another time. */
  grow({ run, head, progress, nowMs }: RunUpdate): void {
    const state = this.state.value;
    if (state === undefined) return;
    batch(() => {
      this.clockAheadMs.value = nowMs - Date.now();
      this.progress.value = new Map([...this.progress.value, [run, progress]]);
      if (head === undefined) return;
      const runs = state.runs.map((entry) =>
        entry.id === run ? { ...entry, content: { status: "ready" as const, head } } : entry,
      );
      this.state.value = { ...state, runs };
    });
  }

  /** The same object as long as nothing of the run changed. */
  private drawnRun(entry: RunEntry): DrawnRun | undefined {
    const { id, name, style, content } = entry;
    if (content.status !== "ready") return undefined;
    const known = this.drawnRuns.get(entry) ?? { id, name, style, head: content.head };
    this.drawnRuns.set(entry, known);
    return known;
  }
}
