import type { Problem } from "../problem/problem";
import { capitalised } from "../text/capitalised";
import { formatCount, formatNumber } from "../text/quantities";
import type { LogEntry } from "./trainerState";

/** What a log tells of a training that no longer learns, from a step to the end of the log. */
export interface TrainingFault {
  readonly code: "Collapsed" | "Diverged" | "GradientsNotFinite" | "NoGradients" | "NoLearningRate";
  /** The first step of which the log tells it. */
  readonly from: number;
  /** E.g. "the training collapsed". */
  readonly what: string;
  /** A sentence with the numbers, without its full stop. */
  readonly told: string;
}

/** What a run is told of a fault. @param file the run's folder */
export function faultOfRun({ code, what, told }: TrainingFault, file: string): Problem {
  return { severity: "warning", code, message: `${capitalised(what)}: ${told}.`, file };
}

/** What a checkpoint is told that was saved after it. */
export function faultOfCheckpoint({ code, what, told }: TrainingFault, file: string): Problem {
  return { severity: "warning", code, message: `Saved after ${what}: ${told}.`, file };
}

/** One entry may be one bad batch. */
const leastCollapsed = 2;

/** Fewer entries at the end of a log are a spike, from which trainings recover. */
const leastEntries = 4;

/** Of a longer log so large a share. */
const leastShare = 0.05;

/** Below its first value by this much: the training had learnt something that it could lose. */
const learntRatio = 1.25;

/** A training that never learnt has diverged where it lost so many times what it began with: harder data does less. */
const lostRatio = 5;

/**
 * @param maxSteps the steps that were planned: a learning rate that ends at 0 belongs to the last of them.
 * @returns at most one of a kind; where the loss itself is gone, that alone.
 */
export function trainingFaults(
  log: readonly LogEntry[],
  maxSteps: number | undefined,
): readonly TrainingFault[] {
  const collapsed = collapse(log);
  if (collapsed !== undefined) return [collapsed];
  const found = [divergence(log), gradients(log), learningRate(log, maxSteps)];
  return found.filter((fault) => fault !== undefined);
}

/**
 * To the end of the log every loss is NaN, or exactly 0 with a gradient norm of NaN, which the Trainer's filter of NaN
 * losses makes of it. A loss of 0 alone is none: GRPO begins so.
 */
function collapse(log: readonly LogEntry[]): TrainingFault | undefined {
  const trained = log.filter(({ values }) => values.has("loss"));
  const count = trailing(trained, ({ values }) => {
    const loss = values.get("loss") ?? 0;
    return Number.isNaN(loss) || (loss === 0 && Number.isNaN(values.get("grad_norm") ?? 0));
  });
  if (count < leastCollapsed) return undefined;
  const from = trained.at(-count)?.step ?? 0;
  const told = `${fromStep(from)} the loss is NaN, or exactly 0 with a gradient norm of NaN`;
  return { code: "Collapsed", from, what: "the training collapsed", told };
}

/**
 * A loss that had fallen and is back above where it began, to the end of the log; or one that only grew, to many times
 * of that. Only of losses above 0 that are not weighed against a reward: those of reinforcement learning grow with it.
 */
function divergence(log: readonly LogEntry[]): TrainingFault | undefined {
  const trained = log.filter(({ values }) => values.has("loss"));
  const least = leastOf(trained.length);
  if (trained.length < 2 * least || log.some(({ values }) => hasReward(values))) return undefined;
  const losses = trained.map(({ values }) => values.get("loss") ?? Number.NaN);
  if (!losses.every((loss) => loss > 0)) return undefined;
  const first = median(losses.slice(0, 3));
  const above = trailing(losses, (loss) => loss > first);
  const hadLearnt = lowestOf(losses.slice(3, losses.length - above)) * learntRatio < first;
  const count = hadLearnt ? above : trailing(losses, (loss) => loss > lostRatio * first);
  if (count < least) return undefined;
  const before = losses.slice(0, losses.length - count);
  const lowest = lowestOf(before);
  const end = lowestOf(losses.slice(losses.length - count));
  const from = trained.at(-count)?.step ?? 0;
  const best = before.lastIndexOf(lowest);
  const told = `${fromStep(from)} the loss is ${formatNumber(end)} or more, above the ${formatNumber(first)} that it began with, after ${formatNumber(lowest)} at step ${formatCount(trained[best]?.step ?? 0)}`;
  return { code: "Diverged", from, what: "the training diverged", told };
}

function hasReward(values: ReadonlyMap<string, number>): boolean {
  for (const name of values.keys()) if (/reward|return|advantage|critic|value_loss/i.test(name)) return true;
  return false;
}

/** Norms that are not finite: the gradient scaler skips such steps. Norms of exactly 0: nothing is trained. */
function gradients(log: readonly LogEntry[]): TrainingFault | undefined {
  const logged = log.filter(({ values }) => values.has("grad_norm"));
  const norms = logged.map(({ values }) => values.get("grad_norm") ?? 0);
  const count = trailing(norms, (norm) => !Number.isFinite(norm));
  if (count >= leastOf(norms.length)) {
    const from = logged.at(-count)?.step ?? 0;
    const told = `${fromStep(from)} every gradient norm is infinite or NaN: a gradient scaler skips such steps, without one they destroy the weights`;
    return { code: "GradientsNotFinite", from, what: "the gradients overflowed", told };
  }
  const zeros = trailing(norms, (norm) => norm === 0);
  if (zeros < leastOf(norms.length)) return undefined;
  const from = logged.at(-zeros)?.step ?? 0;
  const told = `${fromStep(from)} every gradient norm is exactly 0`;
  return { code: "NoGradients", from, what: "nothing was trained", told };
}

function learningRate(log: readonly LogEntry[], maxSteps: number | undefined): TrainingFault | undefined {
  const logged = log.filter(({ values }) => values.has("learning_rate"));
  const rates = logged.map(({ values }) => values.get("learning_rate") ?? 0);
  const count = trailing(rates, (rate) => rate === 0);
  // At the end of a plan a schedule is at 0; how long a log of all of it may say so is a matter of rounding.
  const isEnd = maxSteps !== undefined && (logged.at(-1)?.step ?? 0) >= maxSteps;
  if (count < leastOf(rates.length) || (isEnd && count < rates.length / 2)) return undefined;
  const from = logged.at(-count)?.step ?? 0;
  const told = `${fromStep(from)} the learning rate is 0${isEnd ? "" : planText(maxSteps)}: no step changes the weights`;
  return { code: "NoLearningRate", from, what: "the training stood still", told };
}

function planText(maxSteps: number | undefined): string {
  return maxSteps === undefined ? "" : `, of ${formatCount(maxSteps)} planned steps`;
}

function fromStep(step: number): string {
  return `from step ${formatCount(step)} to the end of its log`;
}

function leastOf(entries: number): number {
  return Math.max(leastEntries, Math.ceil(entries * leastShare));
}

/** How many at the end of the list are so. */
function trailing<T>(list: readonly T[], isSo: (one: T) => boolean): number {
  return list.length - 1 - list.findLastIndex((one) => !isSo(one));
}

function lowestOf(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
}

function median(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[Math.floor((numbers.length - 1) / 2)] ?? Number.NaN;
}
