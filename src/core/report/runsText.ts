import { baseName } from "../bytes/paths";
import type { Problem } from "../problem/problem";
import type { Run, RunCheckpoint } from "../runs/run";
import { isEvaluationLoss, isReward } from "../runs/series/outcomeMetrics";
import { lastEpochOf, stepsOf, toldStep } from "../runs/status/runRows";
import { printable } from "../text/printable";
import { formatBytes, formatCount, formatNumber, plural } from "../text/quantities";
import { optional, problemText, sections } from "./reportText";
import { plainTable } from "./textTable";

/** Metrics that get a column of their own: more do not fit a line. */
const maxMetricColumns = 4;

/** A run as `runs` prints it: what the training says as a whole, then a line for each checkpoint. */
export function runText(run: Run): string {
  const metrics = metricColumns(run.checkpoints);
  const rows = run.checkpoints.map((checkpoint) => {
    const { name, epoch, loss, evalLoss, byteSize, stage, best, problems } = checkpoint;
    const step = toldStep(checkpoint);
    const moment = step === undefined ? epochText(epoch) : formatCount(step);
    return [
      best ? `${name} *` : name,
      moment,
      optional(loss),
      optional(evalLoss),
      ...metrics.map((metric) => optional(checkpoint.metrics?.find(([key]) => key === metric)?.[1])),
      formatBytes(byteSize),
      stage?.stage ?? "",
      notes(problems),
    ];
  });
  const header = ["Checkpoint", "Step", "Loss", "Eval loss", ...metrics, "Size", "Stage", "Notes"];
  const title = `${printable(run.name)}  (${printable(run.path)})`;
  const best = bestText(run);
  return sections([
    [title, ...progressText(run), ...(best === undefined ? [] : [best])].join("\n"),
    problemText(run.problems),
    rows.length === 0 ? "" : plainTable(header, rows),
  ]);
}

/** Which classes a file needs is no news of a run, and the same for each: `inspect` tells it of the file. */
function notes(problems: readonly Problem[]): string {
  return problems.flatMap(({ code, message }) => (code === "UnknownImports" ? [] : [message])).join(" ");
}

/** What a column is worth: rewards and the losses of several evaluation sets, then what file names tell. */
function metricColumns(checkpoints: readonly RunCheckpoint[]): string[] {
  const names = new Set(checkpoints.flatMap(({ metrics = [] }) => metrics.map(([name]) => name)));
  const rank = (name: string) => (isReward(name) ? 0 : isEvaluationLoss(name) ? 1 : 2);
  const isSpeed = /(?:runtime|per_second)$/;
  const shown = [...names].filter((name) => !isSpeed.test(name));
  return shown.sort((a, b) => rank(a) - rank(b)).slice(0, maxMetricColumns);
}

function epochText(epoch: number | undefined): string {
  return epoch === undefined ? "-" : `epoch ${formatNumber(epoch)}`;
}

/** Of a training that left only a log this is all there is. */
function progressText(run: Run): string[] {
  const { progress, checkpoints, logs } = run;
  const { done, planned } = stepsOf(run);
  const { lastLoss, lastEvalLoss, lastMetrics = [], ended = false } = progress ?? {};
  const epoch = lastEpochOf(run);
  const of = planned === undefined || (done ?? 0) > planned ? "" : ` of ${formatCount(planned)}`;
  const facts = [
    ...(checkpoints.length === 0 ? [`log only: ${plural(logs.length, "log file")}`] : []),
    ...(done === undefined ? [] : [`step ${formatCount(done)}${of}`]),
    ...(epoch === undefined ? [] : [`epoch ${formatNumber(epoch)}`]),
    ...(lastLoss === undefined ? [] : [`last loss ${formatNumber(lastLoss)}`]),
    ...(lastEvalLoss === undefined ? [] : [`last eval loss ${formatNumber(lastEvalLoss)}`]),
    ...lastMetrics.map(([name, value]) => `${printable(name)} ${formatNumber(value)}`),
    ...(run.stoppedEarly === true ? ["stopped early by a callback"] : ended ? ["ended"] : []),
  ];
  return facts.length === 0 ? [] : [facts.join(", ")];
}

function bestText({ best, bestReason, checkpoints }: Run): string | undefined {
  if (best === undefined || bestReason === undefined) return undefined;
  const name = checkpoints.find(({ path }) => path === best)?.name ?? baseName(best);
  return `Best: ${printable(name)}. ${printable(bestReason)}`;
}
