import type { MetricSeries } from "../../src/core/runs/metricSeries";
import { smooth } from "../../src/core/runs/smoothing";
import type { CheckpointMarker } from "../../src/core/runs/trainingView";
import type { ChartMarker, ChartSeries } from "../charts/chartSeries";
import type { TrainingPlace } from "./trainingPlace";

/** One chart of the panel: the losses together, every other metric alone. */
export interface ChartPlan {
  readonly id: string;
  readonly title: string;
  readonly metrics: readonly MetricSeries[];
  readonly size: "large" | "small";
}

const lossName = /(?:^|[_/])loss$/;
/** What is smoothed unless the reader says otherwise. */
const lossLike = /(?:^|[_/])(?:loss|nll|perplexity|ppl|cross_entropy)(?:$|[_/])/;

export function isSmoothedByItself({ key, kind }: MetricSeries): boolean {
  return kind === "train" && lossLike.test(key);
}

export function isSmoothed(metric: MetricSeries, { smoothing, smoothed }: TrainingPlace): boolean {
  return (
    smoothing > 0 &&
    (Object.hasOwn(smoothed, metric.key) ? smoothed[metric.key] === true : isSmoothedByItself(metric))
  );
}

/** The metrics of the loss chart: the training's own loss and the evaluations'. */
export function lossMetrics(series: readonly MetricSeries[]): MetricSeries[] {
  const named = series.filter(
    ({ key, kind }) => key === "loss" || (kind === "eval" && lossName.test(key) && !key.includes("/")),
  );
  if (named.length > 0) return named;
  const [first] = series.filter(({ key, kind }) => kind === "train" && lossName.test(key));
  return first === undefined ? [] : [first];
}

/** Everything that may have a chart of its own. */
export function otherMetrics(series: readonly MetricSeries[]): MetricSeries[] {
  const losses = new Set(lossMetrics(series));
  return series.filter((metric) => !losses.has(metric));
}

const chosenByItself = new Set(["learning_rate", "grad_norm"]);

export function chosenMetrics(
  series: readonly MetricSeries[],
  chosen: readonly string[] | undefined,
): MetricSeries[] {
  const others = otherMetrics(series);
  if (chosen !== undefined) return others.filter(({ key }) => chosen.includes(key));
  const usual = others.filter(({ key }) => chosenByItself.has(key));
  // A log of other names should not open on an empty page.
  return usual.length > 0 || lossMetrics(series).length > 0 ? usual : others.slice(0, 4);
}

export function chartPlans(
  series: readonly MetricSeries[],
  chosen: readonly string[] | undefined,
): ChartPlan[] {
  const losses = lossMetrics(series);
  const plans: ChartPlan[] = chosenMetrics(series, chosen).map((metric) => ({
    id: metric.key,
    title: metric.label,
    metrics: [metric],
    size: "small",
  }));
  return losses.length === 0
    ? plans
    : [{ id: "loss", title: "Loss", metrics: losses, size: "large" }, ...plans];
}

/** A metric along the chosen axis. Where the epoch is unknown there is no place on an epoch axis. */
export function chartSeries(metric: MetricSeries, index: number, place: TrainingPlace): ChartSeries {
  const values = metric.values;
  // Smoothing follows the order of the log and knows nothing of how much of it is drawn.
  const smoothed = isSmoothed(metric, place) ? smooth(values, place.smoothing) : undefined;
  const order = place.axis === "step" ? undefined : ascendingEpochs(metric.epochs);
  const pick = (column: Float64Array) =>
    order === undefined ? column : Float64Array.from(order, (at) => column[at] ?? Number.NaN);
  return {
    key: metric.key,
    label: metric.label,
    x: pick(place.axis === "step" ? metric.steps : metric.epochs),
    y: pick(values),
    style: index,
    ...(smoothed === undefined ? {} : { smoothed: pick(smoothed) }),
  };
}

/** Indices of the points whose epoch is known; in order even where a resumed training counted anew. */
function ascendingEpochs(epochs: Float64Array): number[] {
  const known: number[] = [];
  let ascending = true;
  epochs.forEach((epoch, index) => {
    if (!Number.isFinite(epoch)) return;
    const last = known[known.length - 1];
    if (last !== undefined && (epochs[last] ?? 0) > epoch) ascending = false;
    known.push(index);
  });
  return ascending ? known : known.sort((a, b) => (epochs[a] ?? 0) - (epochs[b] ?? 0) || a - b);
}

export function hasEpochs(series: readonly MetricSeries[]): boolean {
  return series.some(({ epochs }) => epochs.some(Number.isFinite));
}

export function chartMarkers(
  checkpoints: readonly CheckpointMarker[],
  axis: TrainingPlace["axis"],
): ChartMarker[] {
  return checkpoints
    .map(({ path, name, step, epoch, best, current }) => ({
      id: path,
      label: name,
      x: axis === "step" ? step : epoch,
      best,
      current,
    }))
    .filter(({ x }) => Number.isFinite(x));
}
