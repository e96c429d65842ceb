import { type Timeline, type TimelineMetric, timelineMetrics } from "../../core/compare/timeline";
import type { CallListeners } from "../../protocol/channel";

/** Computes a timeline; it may take minutes. */
export type ComputeTimeline = (
  paths: readonly string[],
  signal: AbortSignal,
  listeners: CallListeners,
) => Promise<Timeline>;

/** Values that one message to a page may hold: larger messages block it (1 MB, 4 bytes each, with room for names). */
const maxMessageValues = 200_000;

/** The last timeline that was computed, of which a page is sent as much as a message may hold. */
export class TimelineCache {
  private known: { readonly key: string; readonly timeline: Timeline } | undefined;

  constructor(private readonly compute: ComputeTimeline) {}

  async get(
    paths: readonly string[],
    metrics: readonly TimelineMetric[] | undefined,
    signal: AbortSignal,
    listeners: CallListeners = {},
  ): Promise<Timeline> {
    const key = JSON.stringify(paths);
    if (this.known?.key !== key) this.known = { key, timeline: await this.compute(paths, signal, listeners) };
    const { timeline } = this.known;
    const valuesEach = timeline.modules.length * timeline.checkpoints.length;
    const fitting = Math.max(1, Math.floor(maxMessageValues / Math.max(valuesEach, 1)));
    const wanted = metrics ?? (timeline.metrics ?? timelineMetrics).slice(0, fitting);
    const values = Object.fromEntries(wanted.map((metric) => [metric, timeline.values[metric]]));
    return { ...timeline, values };
  }

  /** What was computed may no longer be true. */
  forget(): void {
    this.known = undefined;
  }
}
