import type { LogEntry } from "../../../../src/core/progress/trainerState";
import type { TrainingView } from "../../../../src/core/runs/merge/trainingView";
import { buildSeries } from "../../../core/runs/series/builtSeries";

const maxSteps = 400;
const evalSteps = 50;
const logSteps = 5;

/** A training whose loss falls with noise, has one spike and one NaN, and warms up and decays. */
export function trainingSample(): TrainingView {
  const log: LogEntry[] = [];
  let noise = 1;
  for (let step = logSteps; step <= 300; step += logSteps) {
    // A small generator of its own: the same picture in every run.
    noise = (noise * 16_807) % 2_147_483_647;
    const jitter = noise / 2_147_483_647 - 0.5;
    const loss = step === 120 ? Number.NaN : 1.8 + 2.2 * Math.exp(-step / 60) + jitter * 0.12;
    const learningRate = 2e-4 * (step < 40 ? step / 40 : (maxSteps - step) / (maxSteps - 40));
    log.push(
      entry(step, {
        loss: step === 200 ? 3.4 : loss,
        grad_norm: 0.6 + jitter * 0.4,
        learning_rate: learningRate,
      }),
    );
    if (step % evalSteps === 0) {
      log.push(entry(step, { eval_loss: 1.9 + 2 * Math.exp(-step / 70), eval_runtime: 3.1 + jitter }));
    }
  }
  return {
    series: buildSeries(log),
    checkpoints: [100, 200, 300].map((step) => ({
      path: `/home/ada/runs/tiny-lora/03-fine-tuning/checkpoint-${step}`,
      name: `checkpoint-${step}`,
      step,
      epoch: step / 125,
      best: step === 200,
      current: step === 300,
    })),
    summary: [
      ["train_runtime", 812.4],
      ["train_loss", 2.0417],
    ],
    maxSteps,
    problems: [],
  };
}

function entry(step: number, values: Readonly<Record<string, number>>): LogEntry {
  return { step, epoch: step / 125, values: new Map(Object.entries(values)) };
}
