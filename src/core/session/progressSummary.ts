import type { ProgressSummary } from "../checkpoint/summary";
import type { LogEntry, TrainerState } from "../progress/trainerState";

/** Where the training stands: the last values that were logged. */
export function latestProgress(state: TrainerState): ProgressSummary {
  return {
    step: state.globalStep,
    epoch: state.epoch,
    maxSteps: state.maxSteps,
    learningRate: lastValue(state.log, "learning_rate"),
    loss: lastValue(state.log, "loss"),
    evalLoss: lastValue(state.log, "eval_loss"),
    bestMetric: state.bestMetric,
    bestCheckpoint: state.bestModelCheckpoint,
  };
}

function lastValue(log: readonly LogEntry[], key: string): number | undefined {
  return log.findLast(({ values }) => values.has(key))?.values.get(key);
}
