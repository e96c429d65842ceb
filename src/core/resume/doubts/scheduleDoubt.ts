import type { OptimizerGroup } from "../../optimizer/optimizerState";
import { formatCount, formatNumber, plural } from "../../text/quantities";
import type { ResumeInputs } from "../resumeInputs";

/**
 * What speaks against a schedule, in a sentence: a learning rate of 0 with steps left, a schedule that began at another
 * rate than the optimizer, a warm-up that outlasts the training.
 */
export function scheduleDoubt(
  {
    schedulers,
    optimizer,
    progress,
    warmup,
  }: Pick<ResumeInputs, "schedulers" | "optimizer" | "progress" | "warmup">,
  groups: readonly OptimizerGroup[],
): string | undefined {
  const { step, planned } = progress ?? {};
  const rates = groups.map(({ learningRate }) => learningRate);
  if (step !== undefined && planned !== undefined && step > 0 && step < planned)
    if (rates.length > 0 && rates.every((rate) => rate === 0))
      return `The optimizer of ${optimizer?.place ?? ""} is at a learning rate of 0 with ${plural(planned - step, "step")} left of ${formatCount(planned)}: nothing is learnt, unless the schedule raises it again.`;
  const [scheduler] = schedulers;
  const began = groups.map(({ settings }) => plainNumber(settings.get("initial_lr")));
  const base = scheduler?.baseRates ?? [];
  if (schedulers.length === 1 && base.length > 0 && base.length === began.length) {
    const at = base.findIndex((rate, group) => {
      const own = began[group];
      return own !== undefined && !isClose(rate, own);
    });
    if (at >= 0)
      return `${scheduler?.place} began at a learning rate of ${formatNumber(base[at] ?? 0)}, the optimizer's groups at ${formatNumber(began[at] ?? 0)}: it is another training's, or was made with other settings.`;
  }
  const { total, step: counted } = scheduler ?? {};
  if (total !== undefined && planned !== undefined && counted === step && planned > total)
    return `${scheduler?.place} is a one-cycle schedule of ${plural(total, "step")}, and ${formatCount(planned)} are planned: torch stops at the step beyond its last ("Tried to step ${formatCount(total + 1)} times").`;
  if (warmup !== undefined && planned !== undefined && warmup.steps > planned)
    return `The warm-up takes ${plural(warmup.steps, "step")} (${warmup.place}), and ${formatCount(planned)} are planned: the learning rate never reaches its peak.`;
  return undefined;
}

export function isClose(a: number, b: number): boolean {
  return Math.abs(a - b) <= 1e-6 * Math.max(Math.abs(a), Math.abs(b));
}

function plainNumber(value: unknown): number | undefined {
  return typeof value === "number" ? value : undefined;
}
