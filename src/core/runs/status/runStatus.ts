import type { Problem } from "../../problem/problem";
import { faultOfCheckpoint, faultOfRun, type TrainingFault } from "../../progress/trainingFaults";
import type { LogFile, LogFormatId } from "../logs/logFormat";
import type { MetricValue, Run, RunCheckpoint } from "../run";
import { countsEpochs, type MetricSeries, valueAtStep } from "../series/metricSeries";
import { isOutcome, maxOutcomes } from "../series/outcomeMetrics";
import { evalLossKeyOf, lossKeyOf, type RunProgress } from "../series/runProgress";
import { loggedFaults } from "./loggedFaults";

/** What the logs of a run say that its checkpoints' own files do not. Plain data. */
export interface RunStatus {
  readonly progress: RunProgress;
  /** In the order of the run's checkpoints; empty for one whose step is not known. */
  readonly values: readonly (readonly MetricValue[])[];
  /** What was left out of the logs, and why. */
  readonly notes: readonly Problem[];
  /** What no longer learns, and from which step on. */
  readonly faults: readonly TrainingFault[];
}

/** What a status is read from: a follower of the run's logs, after a look. */
export interface FollowedMetrics {
  keys(): string[];
  series(key: string): MetricSeries | undefined;
  progress(): RunProgress;
  /** What was left out of the logs, and why. */
  notes(): readonly Problem[];
}

/**
 * The last values at or before each checkpoint's step.
 * @param metrics names as the user wrote them: `loss` and `eval_loss` stand for what the log calls so, e.g.
 * `train_loss_step` and `val_loss`.
 */
export function runStatusOf(
  followed: FollowedMetrics,
  checkpoints: readonly Pick<RunCheckpoint, "step" | "epoch">[],
  metrics: readonly string[],
): RunStatus {
  const keys = followed.keys();
  const evalLoss = evalLossKeyOf(keys);
  const evaluations = keys.filter((key) => isOutcome(key) && key !== evalLoss).slice(0, maxOutcomes);
  const named = [...new Set([...lossMetrics, ...metrics, ...evaluations])].flatMap((name) => {
    const series = followed.series(keyOf(name, keys) ?? name);
    return series === undefined ? [] : [{ name, series }];
  });
  const valuesBy = (read: (series: MetricSeries) => number | undefined) =>
    named.flatMap(({ name, series }): MetricValue[] => {
      const value = read(series);
      return value === undefined ? [] : [[name, value]];
    });
  const progress = followed.progress();
  return {
    progress,
    faults: loggedFaults(keys, (key) => followed.series(key), progress.maxSteps),
    notes: followed.notes(),
    values: checkpoints.map((checkpoint) =>
      valuesBy((series) => valueAt(series, checkpoint, countsFromOne(keys) ? 1 : 0)),
    ),
  };
}

/** Ultralytics counts epochs from 1 in its table and from 0 in its checkpoints. */
function countsFromOne(keys: readonly string[]): boolean {
  return keys.some((key) => /^metrics\/(?:.*\([BMP]\)|accuracy_top\d)$/.test(key));
}

/** On an axis of epochs a checkpoint is at its epoch, and its step means something only where that may be one. */
function valueAt(
  series: MetricSeries,
  { step, epoch }: Pick<RunCheckpoint, "step" | "epoch">,
  epochOffset: number,
): number | undefined {
  if (step === undefined || (epoch !== undefined && countsEpochs(series)))
    return epoch === undefined ? undefined : valueAtEpoch(series, epoch + epochOffset);
  const isBeyond = countsEpochs(series) && step > (series.steps.at(-1) ?? 0);
  return isBeyond ? undefined : valueAtStep(series, step);
}

/** For a checkpoint that only counts passes over the data: the value of that epoch, not of one before it. */
function valueAtEpoch({ epochs, values }: MetricSeries, epoch: number): number | undefined {
  const at = epochs.lastIndexOf(epoch);
  return at < 0 ? undefined : values[at];
}

const lossMetrics = ["loss", "eval_loss"];

function keyOf(name: string, keys: readonly string[]): string | undefined {
  if (keys.includes(name)) return name;
  if (name === "loss") return lossKeyOf(keys);
  return name === "eval_loss" ? evalLossKeyOf(keys) : undefined;
}

/** The run with what its logs say where its checkpoints' own files say nothing, and the best by it. */
export function withStatus(run: Run, { progress, values, notes, faults }: RunStatus): Run {
  // A trainer_state.json has told its own.
  const news = faults.filter(({ code }) => !run.problems.some((problem) => problem.code === code));
  const checkpoints = run.checkpoints.map((checkpoint, at) =>
    addFaults(addValues(checkpoint, values[at] ?? []), news),
  );
  const told = news.map((fault) => faultOfRun(fault, run.path));
  const problems = [...run.problems, ...notes, ...told];
  return chooseByEvalLoss({ ...run, progress, checkpoints, problems }, run);
}

/** Not at the final model, which may be the best that was loaded at the end. */
function addFaults(checkpoint: RunCheckpoint, faults: readonly TrainingFault[]): RunCheckpoint {
  const { step, final, path: file } = checkpoint;
  if (step === undefined || final) return checkpoint;
  const own = faults
    .filter(({ code, from }) => step >= from && !checkpoint.problems.some((known) => known.code === code))
    .map((fault) => faultOfCheckpoint(fault, file));
  return own.length === 0 ? checkpoint : { ...checkpoint, problems: [...checkpoint.problems, ...own] };
}

function addValues(checkpoint: RunCheckpoint, values: readonly MetricValue[]): RunCheckpoint {
  const logged = new Map(values);
  const loss = checkpoint.loss ?? logged.get("loss");
  const evalLoss = checkpoint.evalLoss ?? logged.get("eval_loss");
  const known = new Set(checkpoint.metrics?.map(([name]) => name));
  const added = values.filter(([name]) => !known.has(name) && !lossMetrics.includes(name));
  return {
    ...checkpoint,
    ...(loss === undefined ? {} : { loss }),
    ...(evalLoss === undefined ? {} : { evalLoss }),
    ...(added.length === 0 ? {} : { metrics: [...(checkpoint.metrics ?? []), ...added] }),
  };
}

/** Only where nothing was known to tell the best: the trainer's own word and its own evaluations come first. */
function chooseByEvalLoss(run: Run, before: Run): Run {
  if (before.best !== undefined || before.checkpoints.some(({ evalLoss }) => evalLoss !== undefined))
    return run;
  let best: RunCheckpoint | undefined;
  for (const one of run.checkpoints) {
    if (one.incomplete || !Number.isFinite(one.evalLoss ?? Number.NaN)) continue;
    if ((one.evalLoss ?? 0) < (best?.evalLoss ?? Number.POSITIVE_INFINITY)) best = one;
  }
  if (best === undefined) return run;
  const { path } = best;
  const checkpoints = run.checkpoints.map((one) => (one === best ? { ...one, best: true } : one));
  const bestReason =
    "The lowest evaluation loss of its run, as its log has it at the step of each checkpoint.";
  return { ...run, checkpoints, best: path, bestReason };
}

/** Logs that are written while the training goes on; trainer_state.json comes with each checkpoint only. */
export function liveLogs(run: Pick<Run, "logs">): readonly LogFile[] {
  return run.logs.filter(({ format }) => !closedFormats.has(format));
}

const closedFormats: ReadonlySet<LogFormatId> = new Set<LogFormatId>(["trainer-state", "results", "config"]);
