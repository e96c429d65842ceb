import type { Problem } from "../problem/problem";
import { formatCount, formatNumber } from "../text/quantities";
import type { LogEntry } from "./trainerState";

type Oddity = Pick<Problem, "severity" | "code" | "message">;

/** More often a counter goes back that begins again with each epoch, or of several processes in one log. */
const maxReturns = 3;

/**
 * Where a log counts back, as it does when a training goes on from a checkpoint that is older than its last entry.
 * @param steps in the order in which they were logged
 */
export function stepsAgain(steps: ArrayLike<number>): Oddity | undefined {
  let [returns, from, to] = [0, 0, 0];
  for (let at = 1; at < steps.length; at++) {
    const [before = Number.NaN, step = Number.NaN] = [steps[at - 1], steps[at]];
    if (!(step < before)) continue;
    returns++;
    if (returns === 1) [from, to] = [step, before];
  }
  if (returns === 0 || returns > maxReturns) return undefined;
  const more = returns > 1 ? `, and later goes back ${returns === 2 ? "once more" : "twice more"}` : "";
  const message = `The log goes back from step ${formatCount(to)} to ${formatCount(from)}${more}: steps from ${formatCount(from)} on are logged twice, as where a training went on from an earlier checkpoint or began again.`;
  return { severity: "info", code: "StepsAgain", message };
}

/** What a trainer's log tells of a resume that lost something, though the training goes on learning. */
export function logOddities(log: readonly LogEntry[]): readonly Oddity[] {
  const trained = log.filter(({ values }) => values.has("loss"));
  const rates = log.flatMap(({ step, values }) => {
    const rate = values.get("learning_rate");
    return rate === undefined ? [] : [{ step, rate }];
  });
  const again = stepsAgain(trained.map(({ step }) => step));
  if (again !== undefined) return [again];
  return [epochsBack(trained), rateAgain(rates), rateSpike(rates)].filter((one) => one !== undefined);
}

/** Less is rounding. */
const leastBack = 0.01;

function epochsBack(log: readonly LogEntry[]): Oddity | undefined {
  for (const [at, { step, epoch }] of log.entries()) {
    const before = log[at - 1];
    if (before === undefined || !(step > before.step) || !(epoch < before.epoch - leastBack)) continue;
    const message = `The epoch goes back from ${formatNumber(before.epoch)} at step ${formatCount(before.step)} to ${formatNumber(epoch)} at step ${formatCount(step)}: the training lost its place in the data there, as by a resume with another batch size or other data.`;
    return { severity: "warning", code: "EpochsBack", message };
  }
  return undefined;
}

interface Rate {
  readonly step: number;
  readonly rate: number;
}

/** A schedule falls a little from entry to entry; one that begins anew falls at once, and rises from there. */
const fallenTo = 0.25;

/** A rate that was small already is at the end of its schedule, from where another cycle may begin. */
const leastOfPeak = 0.1;

const leastRising = 3;

function rateAgain(rates: readonly Rate[]): Oddity | undefined {
  let peak = 0;
  for (const [at, { step, rate }] of rates.entries()) {
    const before = rates[at - 1];
    const next = rates.slice(at, at + leastRising);
    const rises =
      next.length === leastRising && next.every((one, i) => i === 0 || one.rate > (next[i - 1]?.rate ?? 0));
    if (before !== undefined && rises && rate < fallenTo * before.rate && before.rate > leastOfPeak * peak) {
      const message = `The learning rate falls from ${formatNumber(before.rate)} at step ${formatCount(before.step)} to ${formatNumber(rate)} at step ${formatCount(step)} and warms up again: the schedule began anew, as where a resume did not restore it.`;
      return { severity: "info", code: "RateAgain", message };
    }
    peak = Math.max(peak, rate);
  }
  return undefined;
}

const spikeRatio = 10;

function rateSpike(rates: readonly Rate[]): Oddity | undefined {
  for (const [at, { step, rate }] of rates.entries()) {
    const beside = [rates[at - 1]?.rate, rates[at + 1]?.rate];
    if (!beside.every((one) => one !== undefined && one > 0 && rate > spikeRatio * one)) continue;
    const message = `The learning rate is ${formatNumber(rate)} at step ${formatCount(step)} alone, more than ${spikeRatio} times that of the entries before and behind it.`;
    return { severity: "info", code: "RateSpike", message };
  }
  return undefined;
}
