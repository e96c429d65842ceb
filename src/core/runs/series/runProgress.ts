import type { MetricColumns } from "./metricSeries";

/** Where a training stands, as its logs say. */
export interface RunProgress {
  /** The last step that was logged. */
  readonly step?: number;
  readonly epoch?: number;
  readonly maxSteps?: number;
  readonly stepsPerSecond?: number;
  /** Trained on at that speed, where a log counts them. */
  readonly tokensPerSecond?: number;
  /** Between two entries of the log; undefined where it tells no times and was not seen to grow. */
  readonly usualPauseSeconds?: number;
  /** At that speed; undefined where the plan or the speed is unknown, and at the end. */
  readonly secondsLeft?: number;
  /** Last values of the training's and the evaluation's loss, whatever they are called. */
  readonly lastLoss?: number;
  readonly lastEvalLoss?: number;
  /** The last reward; of a training that logs no loss under a known name, the last values of what it logs. */
  readonly lastMetrics?: readonly (readonly [name: string, value: number])[];
  /** When a log was last written to, by its own times where its file was copied later; milliseconds since 1970. */
  readonly lastWrittenMs?: number;
  /** The logs say that the training has ended. */
  readonly ended: boolean;
}

/** Steps and the seconds at which they were done. */
export interface StepTimes {
  readonly steps: Float64Array;
  readonly seconds: Float64Array;
}

/** Enough that one slow step does not matter, few enough to follow a change. */
const measuredIntervals = 32;

/** A pause longer than so many usual intervals is an interruption, not the speed. */
const longestPause = 10;

interface Interval {
  readonly steps: number;
  readonly seconds: number;
}

/** Steps in a second over the last points; undefined where two points with a time are not there. */
export function measureSpeed(times: StepTimes): number | undefined {
  const intervals = lastIntervals(times);
  const usual = median(intervals.map((one) => one.seconds / one.steps));
  if (usual === undefined) return undefined;
  const counted = intervals.filter((one) => one.seconds / one.steps <= usual * longestPause);
  const sum = (pick: (one: Interval) => number) => counted.reduce((total, one) => total + pick(one), 0);
  const speed = sum((one) => one.steps) / sum((one) => one.seconds);
  return Number.isFinite(speed) && speed > 0 ? speed : undefined;
}

/** Seconds between two of the last points, as a rule. */
export function measurePause(times: StepTimes): number | undefined {
  return median(lastIntervals(times).map(({ seconds }) => seconds));
}

/** Of a counter that grows with the steps: how much with each of the last. */
export function measureGrowth({ steps, values }: MetricColumns): number | undefined {
  const last = steps.length - 1;
  const first = Math.max(0, last - measuredIntervals);
  const growth =
    ((values[last] ?? Number.NaN) - (values[first] ?? Number.NaN)) /
    ((steps[last] ?? Number.NaN) - (steps[first] ?? Number.NaN));
  return Number.isFinite(growth) && growth > 0 ? growth : undefined;
}

function lastIntervals({ steps, seconds }: StepTimes): Interval[] {
  const intervals: Interval[] = [];
  let lastStep = Number.NaN;
  let lastSeconds = Number.NaN;
  for (let index = steps.length - 1; index >= 0 && intervals.length < measuredIntervals; index--) {
    const step = steps[index] ?? Number.NaN;
    const time = seconds[index] ?? Number.NaN;
    if (!Number.isFinite(step) || !Number.isFinite(time)) continue;
    if (lastStep > step && lastSeconds > time) {
      intervals.push({ steps: lastStep - step, seconds: lastSeconds - time });
    }
    lastStep = step;
    lastSeconds = time;
  }
  return intervals;
}

/** The lower one of two in the middle. */
function median(numbers: readonly number[]): number | undefined {
  return [...numbers].sort((a, b) => a - b)[Math.floor((numbers.length - 1) / 2)];
}

/** Undefined at the end of the plan, and where it or the speed is unknown. */
export function secondsLeft(
  step: number | undefined,
  maxSteps: number | undefined,
  stepsPerSecond: number | undefined,
): number | undefined {
  if (step === undefined || maxSteps === undefined || stepsPerSecond === undefined) return undefined;
  return step >= maxSteps ? undefined : (maxSteps - step) / stepsPerSecond;
}

/** What the loss of the training and of its evaluation are called, likeliest first. */
const lossNames = [
  "loss",
  "train_loss",
  "train/loss",
  "train_loss_step",
  "train_loss_epoch",
  "epoch_loss",
  "total_loss",
  "batch_loss",
  "xent",
] as const;
const evalLossNames = [
  "eval_loss",
  "val_loss",
  "val/loss",
  "valid_loss",
  "validation_loss",
  "val_loss_epoch",
] as const;

export function lossKeyOf(keys: readonly string[]): string | undefined {
  return lossNames.find((name) => keys.includes(name));
}

export function evalLossKeyOf(keys: readonly string[]): string | undefined {
  return evalLossNames.find((name) => keys.includes(name));
}
