import type { Purge } from "../logs/logFormat";
import { PointColumns } from "../logs/pointColumns";

export interface MergeOptions {
  /** Times at which the training went back, as the logs say themselves. */
  readonly purges?: readonly Purge[];
  /**
   * A part that begins at a step which an earlier one has passed is a training that was started again there:
   * what the earlier one logged beyond, before that time, is void. Not so where each part repeats the
   * earlier.
   */
  readonly restarts: boolean;
}

/**
 * One metric out of the logs of one training, the older log first: one value a step, in the order of the
 * steps. Of several at one step the newest counts, by the time at which it was logged, else by the place in
 * its log. Gives the only part itself where nothing is to be done.
 */
export function mergeParts(
  parts: readonly PointColumns[],
  { purges = [], restarts }: MergeOptions,
): PointColumns {
  const clean = parts.map((part) => inOrder(purged(part, purges))).filter(({ length }) => length > 0);
  const [only] = clean;
  if (clean.length < 2) return only ?? new PointColumns();
  const merged = new PointColumns();
  merged.append(only ?? merged);
  return clean.slice(1).reduce((before, part) => joinParts(before, part, restarts), merged);
}

/** `merged` is nobody else's. */
function joinParts(merged: PointColumns, part: PointColumns, restarts: boolean): PointColumns {
  if (merged.lastStep < part.firstStep) {
    merged.append(part);
    return merged;
  }
  const overlap = firstIndexAtStep(merged.steps, part.firstStep);
  const joined = merged.slice(0, overlap);
  const surviving = restarts ? writtenMeanwhile(merged, overlap, part) : merged.slice(overlap);
  if (surviving.length === 0) {
    joined.append(part);
    return joined;
  }
  surviving.append(part);
  joined.append(inOrder(surviving));
  return joined;
}

/** Two processes may write at the same time: then neither makes the other's points void. */
function writtenMeanwhile(merged: PointColumns, first: number, part: PointColumns): PointColumns {
  const started = part.wallTimeAt(0);
  const kept: number[] = [];
  for (let index = first; index < merged.length; index++) {
    if (merged.wallTimeAt(index) >= started) kept.push(index);
  }
  return merged.pick(kept);
}

function purged(part: PointColumns, purges: readonly Purge[]): PointColumns {
  if (purges.length === 0) return part;
  const { steps } = part;
  const kept: number[] = [];
  for (let index = 0; index < part.length; index++) {
    const wallTime = part.wallTimeAt(index);
    const step = steps[index] ?? 0;
    const isVoid = purges.some((purge) => step >= purge.step && wallTime < purge.wallTime);
    if (!isVoid) kept.push(index);
  }
  return kept.length === part.length ? part : part.pick(kept);
}

/** By step, one point each. */
function inOrder(part: PointColumns): PointColumns {
  if (part.ascending) return part;
  const { steps, wallTimes } = part;
  const order = Uint32Array.from(steps, (_, index) => index).sort(
    (a, b) =>
      (steps[a] ?? 0) - (steps[b] ?? 0) ||
      (wallTimes === undefined ? 0 : compareKnown(wallTimes[a], wallTimes[b])) ||
      a - b,
  );
  const newest: number[] = [];
  order.forEach((index, place) => {
    const next = order[place + 1];
    if (next === undefined || steps[next] !== steps[index]) newest.push(index);
  });
  return part.pick(newest);
}

function compareKnown(a = Number.NaN, b = Number.NaN): number {
  const difference = a - b;
  return Number.isNaN(difference) ? 0 : difference;
}

/** Index of the first point at or beyond a step. */
export function firstIndexAtStep(steps: Float64Array, step: number): number {
  let low = 0;
  let high = steps.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((steps[middle] ?? Number.NaN) < step) low = middle + 1;
    else high = middle;
  }
  return low;
}
