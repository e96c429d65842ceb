import { baseName } from "../../bytes/paths";
import { faultsAmong, type Problem, worstSeverity } from "../../problem/problem";
import { capitalised } from "../../text/capitalised";
import {
  formatAligned,
  formatBytes,
  formatCount,
  formatDuration,
  formatNumber,
  plural,
} from "../../text/quantities";
import type { Run, RunCheckpoint } from "../run";
import { isEvaluationLoss, isReward } from "../series/outcomeMetrics";
import { findDeletable } from "./deletable";
import { isBeingSaved, isTraining } from "./liveness";

/** What a row of a list of runs says of one run or checkpoint. Plain text: names come from strangers. */
export interface RunRow {
  /** Behind the name, most telling first: a row is narrow. */
  readonly description: string;
  readonly state: RowState;
}

/** What a row's icon says; the description says it too, for those who do not see it. */
export type RowState = "error" | "warning" | "live" | "saving" | "best" | "final" | "plain";

/** How the losses are called in a row. */
const shortNames: ReadonlyMap<string, string> = new Map([
  ["eval_loss", "eval"],
  ["learning_rate", "lr"],
  ["eval_accuracy", "eval acc"],
]);

export function runRow(run: Run, nowMs: number): RunRow {
  const { checkpoints, progress } = run;
  const live = isTraining(run, nowMs);
  // The row is folded: what its checkpoints have must be seen from outside.
  const faulty = checkpoints.filter(
    (one) => worstSeverity(one.problems) === "error" && !isBeingSaved(one, nowMs),
  );
  const facts = [
    ...problemFacts(run.problems),
    ...(faulty.length === 0 ? [] : [`${plural(faulty.length, "checkpoint")} with errors`]),
    ...(checkpoints.length === 0 ? ["log only"] : []),
    ...progressFacts(run),
    ...(live ? lossFacts(progress?.lastLoss) : []),
    ...(live && progress?.secondsLeft !== undefined ? [`${formatDuration(progress.secondsLeft)} left`] : []),
    ...bestFacts(run),
    // A training that was only logged, or whose checkpoints are gone.
    ...(checkpoints.length === 0
      ? [...(live ? [] : lossFacts(progress?.lastLoss)), plural(run.logs.length, "log file")]
      : [plural(checkpoints.length, "checkpoint"), formatBytes(bytesOf(checkpoints))]),
  ];
  const own = worstSeverity(run.problems) ?? (live ? "live" : undefined);
  return { description: facts.join(" · "), state: own ?? (faulty.length > 0 ? "warning" : "plain") };
}

/** Lines that say more than the row has room for. */
export function runDetails(run: Run, nowMs: number): readonly string[] {
  const { progress, checkpoints } = run;
  const best = checkpoints.find((one) => one.best);
  const { deletable } = findDeletable(run, nowMs);
  const bytes = bytesOf(deletable.map(({ checkpoint }) => checkpoint));
  const writtenMs = progress?.lastWrittenMs;
  return [
    run.path,
    ...progressFacts(run).map(capitalised),
    ...(progress?.lastLoss === undefined ? [] : [`Last loss ${formatNumber(progress.lastLoss, 6)}`]),
    ...(progress?.lastEvalLoss === undefined
      ? []
      : [`Last evaluation loss ${formatNumber(progress.lastEvalLoss, 6)}`]),
    ...(progress?.stepsPerSecond === undefined ? [] : [speedText(progress.stepsPerSecond)]),
    ...(progress?.ended === true ? ["The log says that the training has ended."] : []),
    ...(writtenMs === undefined
      ? []
      : [`Last written to ${formatDuration(Math.max(0, nowMs - writtenMs) / 1000)} ago`]),
    ...(best === undefined ? [] : [`Best: ${best.name}. ${run.bestReason ?? ""}`.trim()]),
    ...(checkpoints.length === 0
      ? []
      : [`${plural(checkpoints.length, "checkpoint")}, ${formatBytes(bytesOf(checkpoints))}`]),
    ...(deletable.length === 0
      ? []
      : [
          `${plural(deletable.length, "checkpoint")} could be deleted, ${formatBytes(bytes)}: neither best, last nor a stage`,
        ]),
    ...run.problems.map((problem) => problem.message),
  ];
}

function speedText(stepsPerSecond: number): string {
  return stepsPerSecond >= 1
    ? `${formatNumber(stepsPerSecond, 3)} steps per second`
    : `${formatNumber(1 / stepsPerSecond, 3)} seconds per step`;
}

/** Steps that the logs or the checkpoints say were done, of those that were planned. */
export function stepsOf({ checkpoints, progress, maxSteps }: Run): {
  readonly done: number | undefined;
  readonly planned: number | undefined;
} {
  const saved = checkpoints.map((one) => toldStep(one) ?? Number.NaN).filter(Number.isFinite);
  const steps = progress?.step === undefined ? saved : [...saved, progress.step];
  const done = steps.length === 0 ? undefined : steps.reduce((a, b) => Math.max(a, b));
  return { done, planned: progress?.maxSteps ?? maxSteps };
}

/** Of a GAN's two optimizers neither counts the training's steps: where the epoch is known, that is told instead. */
export function toldStep({ step, stepIsOptimizers, epoch }: RunCheckpoint): number | undefined {
  return stepIsOptimizers === true && epoch !== undefined ? undefined : step;
}

/** The newest epoch that the logs or the checkpoints know. */
export function lastEpochOf({ checkpoints, progress }: Run): number | undefined {
  const saved = checkpoints.flatMap(({ epoch }) => epoch ?? []);
  return progress?.epoch ?? (saved.length === 0 ? undefined : saved.reduce((a, b) => Math.max(a, b)));
}

function progressFacts(run: Run): string[] {
  const { done, planned } = stepsOf(run);
  const epoch = lastEpochOf(run);
  if (done === undefined) return epoch === undefined ? [] : [`epoch ${formatNumber(epoch)}`];
  // A plan that was changed on resuming is below what was done: then it says nothing.
  const of = planned === undefined || planned < done ? "" : ` of ${formatCount(planned)}`;
  return [`step ${formatCount(done)}${of}${run.stoppedEarly === true ? ", stopped early" : ""}`];
}

function lossFacts(loss: number | undefined): string[] {
  return loss === undefined ? [] : [`loss ${formatAligned(loss)}`];
}

function bestFacts({ checkpoints }: Run): string[] {
  // Of one there is nothing to choose.
  const best = checkpoints.length > 1 ? checkpoints.find((one) => one.best) : undefined;
  if (best === undefined) return [];
  const { evalLoss, epoch, name } = best;
  const step = toldStep(best);
  const value = evalLoss === undefined ? [] : [`eval ${formatAligned(evalLoss)}`];
  const byEpoch = epoch === undefined ? baseName(name) : `epoch ${formatNumber(epoch)}`;
  const place = step === undefined ? byEpoch : `step ${formatCount(step)}`;
  return [`★ ${[...value, place].join(" at ")}`];
}

/** @param metrics names of the metrics to show, as they were logged. */
export function checkpointRow(
  run: Run,
  checkpoint: RunCheckpoint,
  metrics: readonly string[],
  nowMs: number,
): RunRow {
  const { stage, byteSize, incomplete } = checkpoint;
  const moment = momentFacts(checkpoint);
  if (isBeingSaved(checkpoint, nowMs)) {
    return {
      description: ["being saved", ...moment, `${formatBytes(byteSize)} so far`].join(" · "),
      state: "saving",
    };
  }
  const facts = [
    ...problemFacts(checkpoint.problems),
    ...(checkpoint.best ? ["★ best"] : []),
    ...(incomplete ? ["incomplete"] : []),
    ...metrics.flatMap((name) => metricFact(checkpoint, name)),
    ...moment,
    ...(stage === undefined ? [] : [stage.inferred ? `${stage.stage} (inferred)` : stage.stage]),
    ...(checkpoint.last && run.checkpoints.length > 1 ? ["last"] : []),
    formatBytes(byteSize),
  ];
  return { description: facts.join(" · "), state: checkpointState(checkpoint) };
}

/** How far the training was, unless the name says it. */
function momentFacts(checkpoint: RunCheckpoint): string[] {
  const { name, epoch } = checkpoint;
  const step = toldStep(checkpoint);
  if (step !== undefined) return name.endsWith(`-${step}`) ? [] : [`step ${step}`];
  return epoch === undefined || /epoch/i.test(name) ? [] : [`epoch ${formatNumber(epoch)}`];
}

/** Lines that say more than the row has room for. */
export function checkpointDetails(run: Run, checkpoint: RunCheckpoint, nowMs: number): readonly string[] {
  const { step, stepIsOptimizers, epoch, loss, evalLoss, learningRate, stage, modifiedMs } = checkpoint;
  const saving = isBeingSaved(checkpoint, nowMs);
  return [
    checkpoint.path,
    ...(saving ? ["It is being saved: what is missing may still come."] : []),
    ...momentLine([
      ...(step === undefined
        ? []
        : [`${stepIsOptimizers === true ? "optimizer step" : "step"} ${formatCount(step)}`]),
      ...(epoch === undefined ? [] : [`epoch ${formatNumber(epoch)}`]),
    ]),
    ...(loss === undefined ? [] : [`Loss ${formatNumber(loss, 6)}`]),
    ...(evalLoss === undefined ? [] : [`Evaluation loss ${formatNumber(evalLoss, 6)}`]),
    ...(learningRate === undefined ? [] : [`Learning rate ${formatNumber(learningRate)}`]),
    ...(checkpoint.metrics ?? [])
      .filter(([name]) => !["loss", "eval_loss", "learning_rate"].includes(name))
      .map(([name, value]) => `${name} ${formatNumber(value, 6)}`),
    ...(stage === undefined ? [] : [`Stage ${stage.stage}: ${stage.reason}`]),
    ...(checkpoint.best && run.bestReason !== undefined ? [`Best: ${run.bestReason}`] : []),
    ...(checkpoint.last ? ["Last: the highest step that was saved completely."] : []),
    ...(checkpoint.final ? ["Final: the model that the training ended with."] : []),
    `${formatBytes(checkpoint.byteSize)} in all files`,
    ...(modifiedMs > 0 ? [`Written ${formatDuration(Math.max(0, nowMs - modifiedMs) / 1000)} ago`] : []),
    ...(saving ? [] : checkpoint.problems.map((problem) => problem.message)),
  ];
}

function momentLine(facts: readonly string[]): string[] {
  return facts.length === 0 ? [] : [capitalised(facts.join(", "))];
}

/** A row is narrow. */
const maxStandIns = 3;

function metricFact(checkpoint: RunCheckpoint, name: string): string[] {
  const value = metricOf(checkpoint, name);
  const { metrics = [] } = checkpoint;
  // Several evaluation sets have no loss of all; what reinforcement learning is judged by is its reward.
  const stands = (key: string) => (name === "loss" ? isReward(key) : isEvaluationLoss(key));
  if (name === "loss" || (name === "eval_loss" && value === undefined)) {
    const others = metrics.filter(([key]) => stands(key)).slice(0, maxStandIns);
    const told = others.map(([key, one]) => `${shortNames.get(key) ?? key} ${formatAligned(one)}`);
    if (told.length > 0) return [...(value === undefined ? [] : [`loss ${formatAligned(value)}`]), ...told];
  }
  return value === undefined ? [] : [`${shortNames.get(name) ?? name} ${formatAligned(value)}`];
}

function metricOf(
  { loss, evalLoss, learningRate, metrics }: RunCheckpoint,
  name: string,
): number | undefined {
  if (name === "loss") return loss;
  if (name === "eval_loss") return evalLoss;
  return metrics?.find(([key]) => key === name)?.[1] ?? (name === "learning_rate" ? learningRate : undefined);
}

function checkpointState({ problems, incomplete, best, final }: RunCheckpoint): RowState {
  return worstSeverity(problems) ?? (incomplete ? "warning" : best ? "best" : final ? "final" : "plain");
}

/** The icon says so too, but not to a screen reader. */
function problemFacts(problems: readonly Problem[]): string[] {
  const serious = faultsAmong(problems).length;
  return serious > 0 ? [plural(serious, "problem")] : [];
}

function bytesOf(checkpoints: readonly RunCheckpoint[]): number {
  return checkpoints.reduce((sum, { byteSize }) => sum + byteSize, 0);
}

/**
 * Names for the rows of a run's checkpoints: a checkpoint of a pipeline is named with its folder, and a row has no
 * room for that where it is not needed.
 */
export function rowNames({ checkpoints }: Run): ReadonlyMap<RunCheckpoint, string> {
  const counts = new Map<string, number>();
  for (const { name } of checkpoints) counts.set(baseName(name), (counts.get(baseName(name)) ?? 0) + 1);
  return new Map(
    checkpoints.map((one) => [one, counts.get(baseName(one.name)) === 1 ? baseName(one.name) : one.name]),
  );
}
