import type { MetricHead, RunHead, RunMarker } from "../../src/core/runs/merge/runHead";
import { compareSeries } from "../../src/core/runs/series/metricSeries";
import type { AxisKind } from "../../src/core/runs/series/seriesAxis";
import type { Smoothing } from "../../src/core/runs/series/seriesSampler";
import type { ChartMarker } from "../charts/chartSeries";
import type { TrainingViewState } from "./trainingViewState";

/** A run that is drawn. */
export interface DrawnRun {
  readonly id: string;
  readonly name: string;
  readonly style: number;
  readonly head: RunHead;
}

/** One chart: of one run the losses together and every other metric alone; of several runs each metric. */
export interface ChartPlan {
  readonly id: string;
  readonly title: string;
  readonly group: string;
  readonly size: "large" | "small";
  readonly lines: readonly PlannedLine[];
}

export interface PlannedLine {
  readonly run: string;
  readonly metric: MetricHead;
  readonly label: string;
  readonly style: number;
}

/** Of a line within a chart. */
export function seriesKey(run: string, metric: string): string {
  return `${metric} of ${run}`;
}

export const mainGroup = "main";

const lossName = /(?:^|[_/])loss$/;
/** What is smoothed unless the reader says otherwise. */
const lossLike = /(?:^|[_/])(?:loss|nll|perplexity|ppl|cross_entropy)(?:$|[_/])/;

export function isSmoothedByItself({ key, kind }: MetricHead): boolean {
  return kind === "train" && lossLike.test(key);
}

export function isSmoothed(metric: MetricHead, place: Pick<TrainingViewState, SmoothingPart>): boolean {
  const { smoothed } = place;
  if (smoothingOf(place) === undefined) return false;
  return Object.hasOwn(smoothed, metric.key) ? smoothed[metric.key] === true : isSmoothedByItself(metric);
}

type SmoothingPart = "smoothing" | "weight" | "radius" | "smoothed";

/** Undefined where the slider is at zero. */
export function smoothingOf({
  smoothing,
  weight,
  radius,
}: Pick<TrainingViewState, "smoothing" | "weight" | "radius">): Smoothing | undefined {
  if (smoothing === "average") return weight > 0 ? { kind: "average", weight } : undefined;
  return radius > 0 ? { kind: "mean", radius } : undefined;
}

/** The metrics of the loss chart: the training's own loss and the evaluations'. */
export function lossMetrics(metrics: readonly MetricHead[]): MetricHead[] {
  const named = metrics.filter(
    ({ key, kind }) => key === "loss" || (kind === "eval" && lossName.test(key) && !key.includes("/")),
  );
  if (named.length > 0) return named;
  const [first] = metrics.filter(({ key, kind }) => kind === "train" && lossName.test(key));
  return first === undefined ? [] : [first];
}

/** Every chart that there could be, main ones first, families together. */
export function chartPlans(runs: readonly DrawnRun[]): ChartPlan[] {
  const [only, ...more] = runs;
  if (only === undefined) return [];
  return more.length === 0 ? plansOfRun(only) : plansOfRuns(runs);
}

function plansOfRun({ id, head }: DrawnRun): ChartPlan[] {
  const losses = lossMetrics(head.metrics);
  const line = (metric: MetricHead, style: number): PlannedLine => ({
    run: id,
    metric,
    label: metric.label,
    style,
  });
  const others = head.metrics
    .filter((metric) => !losses.includes(metric))
    .map((metric) => smallPlan(metric, [line(metric, 0)]));
  if (losses.length === 0) return others;
  return [{ id: "loss", title: "Loss", group: mainGroup, size: "large", lines: losses.map(line) }, ...others];
}

function plansOfRuns(runs: readonly DrawnRun[]): ChartPlan[] {
  const byKey = new Map<string, PlannedLine[]>();
  for (const { id, name, style, head } of runs) {
    for (const metric of head.metrics) {
      byKey.set(metric.key, [...(byKey.get(metric.key) ?? []), { run: id, metric, label: name, style }]);
    }
  }
  const metrics = [...byKey.values()].flatMap(([first]) => (first === undefined ? [] : [first.metric]));
  return metrics.sort(compareSeries).map((metric) => {
    const plan = smallPlan(metric, byKey.get(metric.key) ?? []);
    return metric.key === "loss" ? { ...plan, size: "large" } : plan;
  });
}

function smallPlan({ key, label, group }: MetricHead, lines: readonly PlannedLine[]): ChartPlan {
  return { id: key, title: label, group, size: "small", lines };
}

/** Metrics that the reader may leave out, in the order of their charts: all but the losses of a single run. */
export function choosableMetrics(plans: readonly ChartPlan[]): MetricHead[] {
  return plans.filter(isChoosable).flatMap(({ lines }) => lines[0]?.metric ?? []);
}

export function shownPlans(plans: readonly ChartPlan[], hidden: readonly string[]): ChartPlan[] {
  return plans.filter((plan) => !isChoosable(plan) || !hidden.includes(plan.id));
}

function isChoosable({ size }: ChartPlan): boolean {
  return size === "small";
}

export interface ChartGroup {
  readonly name: string;
  readonly plans: readonly ChartPlan[];
  /** Unless the reader says otherwise. */
  readonly foldedByItself: boolean;
}

/** What is below the main charts unfolds as long as it is not too much to look at. */
const unfoldedCharts = 24;

/** What people look at first; other families stand between these and speed, which they look at last. */
const firstGroups: readonly string[] = ["training", "train", "rewards", "eval"];

function groupRank(name: string): number {
  const place = firstGroups.indexOf(name);
  if (place >= 0) return place;
  return name === "speed" ? firstGroups.length + 1 : firstGroups.length;
}

/** Families without the main one, most telling first. */
export function chartGroups(plans: readonly ChartPlan[]): ChartGroup[] {
  const groups = new Map<string, ChartPlan[]>();
  for (const plan of plans) {
    if (plan.group === mainGroup || plan.size === "large") continue;
    groups.set(plan.group, [...(groups.get(plan.group) ?? []), plan]);
  }
  let before = 0;
  const ordered = [...groups].sort(([a], [b]) => groupRank(a) - groupRank(b));
  return ordered.map(([name, members]) => {
    const foldedByItself = name === "speed" || before + members.length > unfoldedCharts;
    before += members.length;
    return { name, plans: members, foldedByItself };
  });
}

export function chartMarkers(head: RunHead, axis: AxisKind): ChartMarker[] {
  return head.checkpoints
    .map((marker) => ({
      id: marker.path,
      label: marker.incomplete ? `${marker.name} (not whole)` : marker.name,
      x: positionOf(marker, axis, head.originSeconds),
      best: marker.best,
      current: marker.current,
      last: marker.last,
    }))
    .filter(({ x }) => Number.isFinite(x));
}

function positionOf(marker: RunMarker, axis: AxisKind, originSeconds = Number.NaN): number {
  switch (axis) {
    case "step":
      return marker.step;
    case "epoch":
      return marker.epoch;
    case "wallTime":
      return marker.wallTime;
    case "relativeTime":
      return marker.wallTime - originSeconds;
    case "tokens":
      return marker.tokens;
  }
}
