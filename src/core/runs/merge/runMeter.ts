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
    const step = this.step();
    const maxSteps = this.maxSteps();
    const times = this.stepTimes(keys);
    const stepsPerSecond = measureSpeed(times);
    const tokens = this.metrics.get(tokenKeyOf(keys) ?? "");
    const tokensPerStep = tokens === undefined ? undefined : measureGrowth(tokens);
    const ended = this.hasEnded();
    const told = this.logs().map(({ report }) => report.facts.epoch ?? Number.NaN);
    return given({
      step,
      epoch: Number.isFinite(epoch) ? epoch : told.findLast(Number.isFinite),
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
      lastWrittenMs: largest(this.logs().map(({ modifiedMs }) => modifiedMs ?? Number.NaN)),
      ended,
    });
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

/** Of those that are numbers. */
function largest(numbers: readonly number[]): number | undefined {
  const finite = numbers.filter(Number.isFinite);
  return finite.length === 0 ? undefined : finite.reduce((a, b) => Math.max(a, b));
}

type Given<T> = { [K in keyof T]: Exclude<T[K], undefined> };

/** Only the members that have a value. */
function given<T extends object>(members: T): Given<T> {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as Given<T>;
}
