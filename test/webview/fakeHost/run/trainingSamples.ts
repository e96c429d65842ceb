import type { LogEntry } from "../../../../src/core/progress/trainerState";
import type { CheckpointMarker, TrainingView } from "../../../../src/core/runs/merge/trainingView";
import { buildSeries } from "../../../core/runs/series/builtSeries";

/** Logs as trainers write them, made in code so that a test can know every value. */

const noView: TrainingView = { series: [], checkpoints: [], summary: [], maxSteps: undefined, problems: [] };

/** The same numbers in every run: a test reads them out of the page again. */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

interface LogOptions {
  readonly steps: number;
  readonly every: number;
  readonly evalEvery: number;
  readonly stepsPerEpoch: number;
}

/** A fine-tuning with warm-up and decay, a spike of the loss, one NaN, evaluations and TRL's reward names. */
export function fineTuningLog({ steps, every, evalEvery, stepsPerEpoch }: LogOptions): LogEntry[] {
  const random = randomNumbers(7);
  const noise = () => (random() + random() + random()) / 1.5 - 1;
  const entries: LogEntry[] = [];
  for (let step = every; step <= steps; step += every) {
    const done = step / steps;
    const epoch = Math.round((step / stepsPerEpoch) * 1e4) / 1e4;
    const loss = 0.9 + 2.3 * Math.exp(-5 * done) + 0.09 * noise();
    entries.push({
      step,
      epoch,
      values: new Map([
        [
          "loss",
          step === spikeStep(steps, every)
            ? 5.75
            : step === nanStep(steps, every)
              ? Number.NaN
              : Number(loss.toFixed(4)),
        ],
        ["grad_norm", Number((0.4 + 1.8 * Math.exp(-9 * done) + 0.15 * Math.abs(noise())).toFixed(5))],
        ["learning_rate", learningRate(done)],
        ["rewards/chosen", Number((0.8 * done + 0.1 * noise()).toFixed(5))],
        ["rewards/rejected", Number((-1.2 * done + 0.1 * noise()).toFixed(5))],
        ["rewards/margins", Number((2 * done + 0.12 * noise()).toFixed(5))],
        ["mean_token_accuracy", Number((0.4 + 0.3 * (1 - Math.exp(-4 * done)) + 0.01 * noise()).toFixed(5))],
        ["num_tokens", step * 2048],
      ]),
    });
    if (step % evalEvery === 0) {
      entries.push({
        step,
        epoch,
        values: new Map([
          [
            "eval_loss",
            Number((1.05 + 2 * Math.exp(-5 * done) + 0.35 * Math.max(0, done - 0.6) ** 2).toFixed(4)),
          ],
          ["eval_mean_token_accuracy", Number((0.4 + 0.27 * (1 - Math.exp(-4 * done))).toFixed(5))],
          ["eval_runtime", 3.21],
          ["eval_samples_per_second", 31.2],
        ]),
      });
    }
  }
  return entries;
}

export function spikeStep(steps: number, every: number): number {
  return Math.round((steps * 0.4) / every) * every;
}

export function nanStep(steps: number, every: number): number {
  return Math.round((steps * 0.7) / every) * every;
}

function learningRate(done: number): number {
  const warmUp = 0.06;
  const share =
    done < warmUp ? done / warmUp : 0.5 * (1 + Math.cos((Math.PI * (done - warmUp)) / (1 - warmUp)));
  return Number((2e-4 * share).toPrecision(6));
}

function markersAt(
  steps: readonly number[],
  stepsPerEpoch: number,
  best: number,
  current?: number,
): CheckpointMarker[] {
  return steps.map((step) => ({
    path: `/runs/llama-lora/checkpoint-${step}`,
    name: `checkpoint-${step}`,
    step,
    epoch: step / stepsPerEpoch,
    best: step === best,
    current: step === current,
  }));
}

export const trainingSamples: Readonly<Record<string, () => TrainingView>> = {
  /** 240 entries over 480 steps; the spike is at step 192, the NaN at 336. */
  run: () => ({
    series: buildSeries(fineTuningLog({ steps: 480, every: 2, evalEvery: 40, stepsPerEpoch: 160 })),
    checkpoints: markersAt([80, 160, 240, 320, 400, 480], 160, 320, 480),
    summary: [
      ["train_runtime", 4521.7313],
      ["train_samples_per_second", 1.699],
      ["train_steps_per_second", 0.106],
      ["total_flos", 4.0812337152e16],
      ["train_loss", 1.38912],
    ],
    maxSteps: 600,
    problems: [],
  }),
  empty: () => ({ ...noView, maxSteps: 1000 }),
  onePoint: () => ({
    ...noView,
    series: buildSeries([
      {
        step: 10,
        epoch: 0.1,
        values: new Map([
          ["loss", 2.5],
          ["learning_rate", 1e-5],
        ]),
      },
    ]),
  }),
  /** Every second loss is NaN, and infinite ones among them. */
  notFinite: () => ({
    ...noView,
    series: buildSeries(
      Array.from({ length: 300 }, (_, index) => ({
        step: index + 1,
        epoch: Number.NaN,
        values: new Map([
          [
            "loss",
            index % 2 === 0 ? Number.NaN : index % 31 === 1 ? Number.POSITIVE_INFINITY : 3 - index / 150,
          ],
          ["grad_norm", Number.NaN],
          ["learning_rate", 1e-4],
        ]),
      })),
    ),
    problems: [
      {
        severity: "warning",
        code: "LossNotFinite",
        message: "The loss is NaN or infinite in 155 of 300 log entries: the training has diverged.",
        file: "/runs/diverged/checkpoint-300/trainer_state.json",
      },
    ],
  }),
  /** 100,000 entries. */
  long: () => ({
    ...noView,
    series: buildSeries(fineTuningLog({ steps: 100_000, every: 1, evalEvery: 1000, stepsPerEpoch: 25_000 })),
    checkpoints: markersAt(
      Array.from({ length: 100 }, (_, index) => (index + 1) * 1000),
      25_000,
      62_000,
      100_000,
    ),
    maxSteps: 100_000,
  }),
  hostile: () => ({
    ...noView,
    series: buildSeries(
      Array.from({ length: 40 }, (_, index) => ({
        step: index,
        epoch: index / 10,
        values: new Map([
          ["loss", 2 - index / 40],
          [hostileName, index],
          ["__proto__", index * 2],
          ["a\u202egnp.x", index * 3],
          [`very_long_${"metric_".repeat(30)}name`, index * 4],
        ]),
      })),
    ),
    checkpoints: [{ path: "/runs/x", name: hostileName, step: 20, epoch: 2, best: true, current: false }],
    summary: [[hostileName, 1]],
  }),
};

export const hostileName = "<img src=x onerror=\"document.title='broken in'\">";
