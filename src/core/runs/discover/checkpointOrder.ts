import { compareNames } from "../../tensors/nameOrder";
import type { Run, RunCheckpoint } from "../run";

/** By what a list of checkpoints is put in order. */
export const checkpointOrders = ["step", "loss", "evalLoss", "time", "name"] as const;
export type CheckpointOrder = (typeof checkpointOrders)[number];

/**
 * Checkpoints in another order than the run's own: the lowest loss first, the newest first, by name. What has no
 * such value, or NaN, is last either way round.
 */
export function orderCheckpoints(
  checkpoints: readonly RunCheckpoint[],
  order: CheckpointOrder,
  reversed = false,
): readonly RunCheckpoint[] {
  if (order === "step") return reversed ? [...checkpoints].reverse() : checkpoints;
  const compare = order === "name" ? byName : by(measuredBy[order], order === "time");
  return [...checkpoints].sort((a, b) => compare(a, b, reversed));
}

/**
 * The runs: by a loss the one with the lowest first, by time the one that wrote last; by step and by name they
 * stay in the order of their folders.
 */
export function orderRuns(runs: readonly Run[], order: CheckpointOrder, reversed = false): readonly Run[] {
  if (order === "step" || order === "name") return runs;
  const read = measuredBy[order];
  const newest = order === "time";
  const valueOfRun = ({ checkpoints, progress }: Run) => {
    const live = progress === undefined ? Number.NaN : (ofProgress[order](progress) ?? Number.NaN);
    const values = [...checkpoints.map((one) => read(one) ?? Number.NaN), live].filter(isValue);
    return values.length === 0
      ? undefined
      : values.reduce((a, b) => (newest ? Math.max(a, b) : Math.min(a, b)));
  };
  const values = new Map(runs.map((run) => [run, valueOfRun(run)]));
  const compare = by<Run>((run) => values.get(run), newest);
  return [...runs].sort((a, b) => compare(a, b, reversed));
}

type Measured = "loss" | "evalLoss" | "time";

const measuredBy: Readonly<Record<Measured, (checkpoint: RunCheckpoint) => number | undefined>> = {
  loss: ({ loss }) => loss,
  evalLoss: ({ evalLoss }) => evalLoss,
  time: ({ modifiedMs }) => (modifiedMs > 0 ? modifiedMs : undefined),
};

const ofProgress: Readonly<Record<Measured, (progress: NonNullable<Run["progress"]>) => number | undefined>> =
  {
    loss: ({ lastLoss }) => lastLoss,
    evalLoss: ({ lastEvalLoss }) => lastEvalLoss,
    time: ({ lastWrittenMs }) => lastWrittenMs,
  };

type Compare<T> = (a: T, b: T, reversed: boolean) => number;

function by<T>(read: (one: T) => number | undefined, largestFirst: boolean): Compare<T> {
  return (a, b, reversed) => {
    const [valueA, valueB] = [read(a) ?? Number.NaN, read(b) ?? Number.NaN];
    if (!isValue(valueA) || !isValue(valueB)) return Number(!isValue(valueA)) - Number(!isValue(valueB));
    const ascending = valueA === valueB ? 0 : valueA < valueB ? -1 : 1;
    return reversed === largestFirst ? ascending : -ascending;
  };
}

const byName: Compare<RunCheckpoint> = (a, b, reversed) => {
  const order = compareNames(a.name, b.name, "/");
  return reversed ? -order : order;
};

function isValue(value: number): boolean {
  return !Number.isNaN(value);
}
