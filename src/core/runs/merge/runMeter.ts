import { given } from "../../lists/given";
import { describeMetric, isSetting, metricRank } from "../series/metricFamily";
import { countsEpochs } from "../series/metricSeries";
import { rewardKeyOf } from "../series/outcomeMetrics";
import {
  evalLossKeyOf,
  lossKeyOf,
  measureGrowth,
  measurePause,
  measureSpeed,
  type RunProgress,
  type StepTimes,
  secondsLeft,
} from "../series/runProgress";
import { tokenKeyOf } from "../series/seriesAxis";
import type { FollowedLog } from "./followedLog";
import type { MergedMetrics } from "./mergedMetrics";
import { isClockTime } from "./runCurves";

/** Values that stand for a training without a loss. */
const maxLastMetrics = 4;

/** `lr/pg0`, `lr-AdamW`: a plan, not an outcome. */
function isRate(key: string): boolean {
  return /^(?:lr|learning_rate)(?:$|[-_/])/i.test(key);
}

/** Observations of where a training stood, for logs that tell no times. */
const keptObservations = 32;

/** Tells where a training stands and how fast it goes. */
export class RunMeter {
  private readonly observed: { readonly step: number; readonly seconds: number }[] = [];

  constructor(
    private readonly metrics: MergedMetrics,
    private readonly logs: () => readonly FollowedLog[],
  ) {}

  /** Notes where it stands now: two such notes give a speed where the log tells no times. */
  observe(seconds: number): void {
    const step = this.step();
    if (step === undefined || step <= (this.observed.at(-1)?.step ?? Number.NEGATIVE_INFINITY)) return;
    this.observed.push({ step, seconds });
    if (this.observed.length > keptObservations) this.observed.shift();
  }

  progress(epoch: number): RunProgress {
    const keys = this.metrics.keys();
    const lastOf = (key: string | undefined) =>
      key === undefined ? undefined : this.metrics.get(key)?.values.at(-1);
    const onEpochs = this.countsEpochs(keys);
    const step = onEpochs ? undefined : this.step();
    const maxSteps = this.maxSteps();
    const times = this.stepTimes(keys);
    const stepsPerSecond = measureSpeed(times);
    const tokens = this.metrics.get(tokenKeyOf(keys) ?? "");
    const tokensPerStep = tokens === undefined ? undefined : measureGrowth(tokens);
    const ended = this.hasEnded();
    const told = this.logs().map(({ report }) => report.facts.epoch ?? Number.NaN);
    const facts = given({
      step,
      epoch: onEpochs ? this.step() : Number.isFinite(epoch) ? epoch : told.findLast(Number.isFinite),
      maxSteps,
      stepsPerSecond,
      tokensPerSecond:
        tokensPerStep === undefined || stepsPerSecond === undefined
          ? undefined
          : tokensPerStep * stepsPerSecond,
      usualPauseSeconds: measurePause(times),
      secondsLeft: ended ? undefined : secondsLeft(step, maxSteps, stepsPerSecond),
      lastLoss: lastOf(lossKeyOf(keys)),
      lastEvalLoss: lastOf(evalLossKeyOf(keys)),
      lastMetrics: this.lastMetrics(keys),
      lastWrittenMs: lastWrittenMs(this.logs()),
    });
    return { ...facts, ended };
  }

  /** Whether every metric counts epochs and no steps. */
  private countsEpochs(keys: readonly string[]): boolean {
    const series = keys.flatMap((key) => this.metrics.get(key) ?? []);
    return series.length > 0 && series.every(({ steps, epochs }) => countsEpochs({ steps, epochs }));
  }

  /** The last step that any log has. */
  step(): number | undefined {
    return largest([
      ...this.metrics.keys().map((key) => this.metrics.get(key)?.lastStep ?? Number.NaN),
      ...this.metrics.counted().map(({ report }) => report.facts.step ?? Number.NaN),
    ]);
  }

  /** As the newest trainer_state.json says, else any log. */
  maxSteps(): number | undefined {
    const inOrder = [...this.metrics.counted()].sort(
      (a, b) =>
        Number(a.log.format === "trainer-state") - Number(b.log.format === "trainer-state") ||
        (a.report.facts.step ?? -1) - (b.report.facts.step ?? -1),
    );
    return inOrder.findLast(({ report }) => report.facts.maxSteps !== undefined)?.report.facts.maxSteps;
  }

  /** Of reinforcement learning the reward; of a training that logs no loss under a known name what it logs. */
  private lastMetrics(keys: readonly string[]): RunProgress["lastMetrics"] {
    const reward = rewardKeyOf(keys);
    if (reward !== undefined) return [[reward, this.metrics.get(reward)?.values.at(-1) ?? Number.NaN]];
    if (lossKeyOf(keys) !== undefined) return undefined;
    const evalLoss = evalLossKeyOf(keys);
    const told = keys.filter(
      (key) =>
        key !== evalLoss &&
        describeMetric(key).group !== "speed" &&
        !isRate(key) &&
        !isSetting(key, this.metrics.get(key)?.values ?? []),
    );
    const last = told.sort((a, b) => metricRank(a) - metricRank(b)).slice(0, maxLastMetrics);
    const values = last.map((key) => [key, this.metrics.get(key)?.values.at(-1) ?? Number.NaN] as const);
    return values.length === 0 ? undefined : values;
  }

  private hasEnded(): boolean {
    if (this.metrics.closingValues().size > 0) return true;
    return this.metrics.counted().some(({ report }) => report.facts.ended === true);
  }

  /** Of the metric with most times, else what was seen at each look. */
  private stepTimes(keys: readonly string[]): StepTimes {
    let best: StepTimes | undefined;
    for (const key of keys) {
      const columns = this.metrics.get(key);
      const seconds = columns?.wallTimes;
      if (columns === undefined || seconds === undefined) continue;
      if (best === undefined || columns.length > best.steps.length) best = { steps: columns.steps, seconds };
    }
    return (
      best ?? {
        steps: Float64Array.from(this.observed, ({ step }) => step),
        seconds: Float64Array.from(this.observed, ({ seconds }) => seconds),
      }
    );
  }
}

/** A log goes into its file within minutes; one that is so much older than its file was copied. */
const copiedAfterMs = 30 * 60_000;

/** Files that are copied together get their new times within minutes of each other. */
const copiedTogetherMs = 10 * 60_000;

/**
 * When the newest log was written to. The times inside a log count where its file is much younger: it was copied or
 * fetched, and so were the logs without times whose files are of the same age.
 */
function lastWrittenMs(logs: readonly FollowedLog[]): number | undefined {
  const copies: { readonly modifiedMs: number; readonly ownMs: number }[] = [];
  for (const log of logs) {
    const { modifiedMs = Number.NaN } = log;
    const ownMs = newestTimeMs(log);
    if (modifiedMs - ownMs > copiedAfterMs) copies.push({ modifiedMs, ownMs });
  }
  const times = logs.map((log) => {
    const { modifiedMs = Number.NaN } = log;
    const copy = copies.find((one) => Math.abs(one.modifiedMs - modifiedMs) < copiedTogetherMs);
    const ownMs = newestTimeMs(log);
    if (copy === undefined) return modifiedMs;
    return Number.isFinite(ownMs) ? Math.min(ownMs, modifiedMs) : copy.ownMs;
  });
  return largest(times);
}

/** NaN where a log tells no times of day. */
function newestTimeMs({ columns }: FollowedLog): number {
  let newest = Number.NaN;
  for (const { wallTimes } of columns.values()) {
    const seconds = wallTimes?.at(-1) ?? Number.NaN;
    if (isClockTime(seconds) && !(seconds * 1000 <= newest)) newest = seconds * 1000;
  }
  return newest;
}

/** Of those that are numbers. */
function largest(numbers: readonly number[]): number | undefined {
  const finite = numbers.filter(Number.isFinite);
  return finite.length === 0 ? undefined : finite.reduce((a, b) => Math.max(a, b));
}
