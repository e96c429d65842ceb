import type { TrainingView } from "../runs/merge/trainingView";
import type { Run, RunCheckpoint } from "../runs/run";

/** One run as `runs --json` prints it: a contract that scripts depend on (README, "Command line"). */
export function runReport(run: Run, training: TrainingView) {
  return {
    name: run.name,
    path: run.path,
    checkpoints: run.checkpoints.map(checkpointReport),
    series: Object.fromEntries(
      training.series.map(({ key, steps, values }) => [key, { steps: [...steps], values: [...values] }]),
    ),
    best: run.best,
    bestReason: run.bestReason,
    problems: run.problems,
  };
}

function checkpointReport(checkpoint: RunCheckpoint) {
  const { path, step, epoch, loss, evalLoss, learningRate, byteSize, stage, best, parts, problems } =
    checkpoint;
  const { metrics = [] } = checkpoint;
  return {
    path,
    step,
    epoch,
    loss,
    evalLoss,
    learningRate,
    metrics: Object.fromEntries(metrics),
    byteSize,
    stage: stage?.stage,
    best,
    parts: [...new Set(parts.map(({ part }) => part))],
    problems,
  };
}
