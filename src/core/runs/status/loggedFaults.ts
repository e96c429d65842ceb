import type { LogEntry } from "../../progress/trainerState";
import { type TrainingFault, trainingFaults } from "../../progress/trainingFaults";
import { formatCount } from "../../text/quantities";
import { countsEpochs, type MetricSeries } from "../series/metricSeries";
import { lossKeyOf } from "../series/runProgress";

/** Entries that are looked at, evenly over a longer log. */
const maxEntries = 20_000;

/** Printed with five digits behind the point, what is smaller is 0. */
const printedDigits = 1e5;

const gradientNorm = /^(?:train[/_])?(?:grad(?:ient)?_norm|gnorm|grad_2(?:\.0)?_norm_total)$/i;
const rate = /^(?:train[/_])?(?:lr|learning_rate)(?:$|[-_/])/i;
const reward = /reward|return|advantage|critic|value_loss/i;

/**
 * What the logs of a run tell of a training that no longer learns, whatever wrote them.
 * @param keys names of all metrics.
 * @param maxSteps the steps that were planned.
 */
export function loggedFaults(
  keys: readonly string[],
  seriesOf: (key: string) => MetricSeries | undefined,
  maxSteps: number | undefined,
): readonly TrainingFault[] {
  const named = (key: string | undefined) => (key === undefined ? undefined : seriesOf(key));
  const loss = named(lossKeyOf(keys));
  // On an axis of epochs a step means nothing, and detectors have no loss but those of their parts.
  if (loss === undefined || countsEpochs(loss)) return lostParts(keys, seriesOf);
  const norms = named(keys.find((key) => gradientNorm.test(key)));
  const rates = keys.filter((key) => rate.test(key)).flatMap((key) => seriesOf(key) ?? []);
  const entries = new Map<number, Map<string, number>>();
  add(entries, "loss", loss);
  if (norms !== undefined && isExact([norms])) add(entries, "grad_norm", norms);
  // Of several groups of parameters one may be meant to stand still.
  if (isExact(rates) || rates.every(fallsAtOnce))
    for (const one of rates) add(entries, "learning_rate", one, Math.max);
  if (keys.some((key) => reward.test(key))) entries.values().next().value?.set("reward", Number.NaN);
  const log = [...entries].map(([step, values]): LogEntry => ({ step, epoch: Number.NaN, values }));
  return trainingFaults(
    log.sort((a, b) => a.step - b.step),
    maxSteps,
  );
}

const trainedLoss = /^(?:train[/_].*|(?:train_)?)loss$/i;

/** A training of which a loss is NaN from a step or an epoch to the end of its log. */
function lostParts(
  keys: readonly string[],
  seriesOf: (key: string) => MetricSeries | undefined,
): readonly TrainingFault[] {
  for (const key of keys.filter((one) => trainedLoss.test(one))) {
    const series = seriesOf(key);
    if (series === undefined) continue;
    const { steps, values } = series;
    let from = values.length;
    while (from > 0 && Number.isNaN(values[from - 1])) from--;
    if (values.length - from < leastLost) continue;
    const isOfEpochs = countsEpochs(series);
    const at = steps[from] ?? 0;
    const told = `from ${isOfEpochs ? "epoch" : "step"} ${formatCount(at)} to the end of its log ${key} is NaN`;
    // The steps of its checkpoints are none of epochs.
    const since = isOfEpochs ? Number.MAX_SAFE_INTEGER : at;
    return [{ code: "Collapsed", from: since, what: "the training collapsed", told }];
  }
  return [];
}

/** One entry may be one bad batch. */
const leastLost = 2;

/** From many times what is printed to nothing: what fades is printed in between. */
function fallsAtOnce({ values }: MetricSeries): boolean {
  const last = values.findLast((value) => value !== 0) ?? 0;
  return last * printedDigits >= 10;
}

function add(
  entries: Map<number, Map<string, number>>,
  name: string,
  series: MetricSeries | undefined,
  join: (a: number, b: number) => number = (_, b) => b,
): void {
  if (series === undefined) return;
  const { steps, values } = series;
  const stride = Math.max(1, Math.ceil(steps.length / maxEntries));
  // From the end: what counts is how the log ends.
  for (let at = steps.length - 1; at >= 0; at -= stride) {
    const step = steps[at] ?? Number.NaN;
    const value = values[at] ?? Number.NaN;
    const entry = entries.get(step) ?? new Map<string, number>();
    const known = entry.get(name);
    entries.set(step, entry.set(name, known === undefined ? value : join(known, value)));
  }
}

/** Whether a 0 is one: some value has more digits than logs print, or is no number at all. */
function isExact(all: readonly MetricSeries[]): boolean {
  const isPrinted = (value: number) => Math.abs(value - Math.round(value)) < 1e-6;
  return all.some(({ values }) => values.some((value) => !isPrinted(value * printedDigits)));
}
