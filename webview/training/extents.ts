import { type Signal, signal } from "@preact/signals";
import type { AxisKind } from "../../src/core/runs/series/seriesAxis";
import { type ChartMarker, type ChartRange, domainOf } from "../charts/chartSeries";
import type { DrawnRun } from "./chartPlans";
import type { RunLine, SampledLine } from "./sampledLines";

/** How far the lines reach on each axis, as far as they were asked for. */
export class Extents {
  readonly version: Signal<number> = signal(0);
  private readonly known = new Map<AxisKind, Map<string, Map<string, ChartRange>>>();

  take({ axis, run, key }: RunLine, { firstX, lastX }: SampledLine): void {
    if (!(firstX <= lastX)) return;
    const ofAxis = this.known.get(axis) ?? new Map<string, Map<string, ChartRange>>();
    this.known.set(axis, ofAxis);
    const ofRun = ofAxis.get(run) ?? new Map<string, ChartRange>();
    ofAxis.set(run, ofRun);
    const before = ofRun.get(key);
    if (before?.min === firstX && before.max === lastX) return;
    ofRun.set(key, { min: firstX, max: lastX });
    this.version.value++;
  }

  /**
   * From where to where everything of these runs is in sight. Over steps it is known of all metrics, also of those
   * that are not drawn: to choose one must not move the others.
   */
  domain(axis: AxisKind, runs: readonly DrawnRun[], markers: readonly ChartMarker[]): ChartRange {
    const ranges = runs.flatMap(({ id, head }) =>
      axis === "step"
        ? head.metrics.map(({ firstStep, lastStep }) => ({ min: firstStep, max: lastStep }))
        : [...(this.known.get(axis)?.get(id)?.values() ?? [])],
    );
    const ends = ranges.map(({ min, max }) => ({ x: Float64Array.of(min, max) }));
    return domainOf(ends, markers);
  }
}
