/** Where a training stands, as its logs say. */
export interface RunProgress {
  /** The last step that was logged. */
  readonly step?: number;
  readonly epoch?: number;
  readonly maxSteps?: number;
  readonly stepsPerSecond?: number;
  /** At that speed; undefined where the plan or the speed is unknown, and at the end. */
  readonly secondsLeft?: number;
  /** Last values of the training's and the evaluation's loss, whatever they are called. */
  readonly lastLoss?: number;
  readonly lastEvalLoss?: number;
  /** When a log was last written to, in milliseconds since 1970. */
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

/** Steps in a second over the last points; undefined where two points with a time are not there. */
export function measureSpeed({ steps, seconds }: StepTimes): number | undefined {
  const intervals: { steps: number; seconds: number }[] = [];
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
  const paces = intervals.map((one) => one.seconds / one.steps).sort((a, b) => a - b);
  const usual = paces[Math.floor((paces.length - 1) / 2)];
  if (usual === undefined) return undefined;
  const counted = intervals.filter((one) => one.seconds / one.steps <= usual * longestPause);
  const sum = (pick: (one: (typeof intervals)[number]) => number) =>
    counted.reduce((total, one) => total + pick(one), 0);
  const speed = sum((one) => one.steps) / sum((one) => one.seconds);
  return Number.isFinite(speed) && speed > 0 ? speed : undefined;
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
