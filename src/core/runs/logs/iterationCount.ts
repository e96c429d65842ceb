/** Adds up iterations that a log counts anew in each epoch. */
export class IterationCount {
  /** Of the epochs before: more than 0 where the log began anew at least once. */
  base = 0;
  private epoch = Number.NaN;
  private last = 0;

  /** @param perEpoch how many an epoch has; without it those that were logged are added up. */
  on(iteration: number, epoch: number, perEpoch?: number): number {
    const passed = epoch - this.epoch;
    if (passed > 0 && iteration <= this.last)
      this.base += perEpoch === undefined ? this.last : passed * perEpoch;
    if (!Number.isNaN(epoch)) this.epoch = epoch;
    this.last = iteration;
    return this.base + iteration;
  }

  fork(): IterationCount {
    return Object.assign(new IterationCount(), this);
  }
}

/** Told with a log whose steps were counted so. */
export const countedSteps = {
  severity: "info",
  code: "LogStepsCounted",
  message:
    "The log counts iterations anew in each epoch: steps are those that it logged, added up, and may be fewer than were done.",
} as const;
