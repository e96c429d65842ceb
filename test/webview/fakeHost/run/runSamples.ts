import type { LogEntry } from "../../../../src/core/progress/trainerState";
import type { TrainingView } from "../../../../src/core/runs/merge/trainingView";
import { buildSeries } from "../../../core/runs/series/builtSeries";
import { ChartedSample } from "./chartedSample";
import { hostileName, randomNumbers, trainingSamples } from "./trainingSamples";

/** A run as the fake host has it. */
export interface RunSample {
  readonly id: string;
  readonly name: string;
  readonly path: string;
  readonly run: ChartedSample;
  /** How it could not be read; it can be read the second time. */
  readonly fails?: boolean;
}

export const sampleNowMs = Date.UTC(2026, 0, 15, 12);
const startSeconds = sampleNowMs / 1000 - 3600;

const one = (name: string, run: ChartedSample): RunSample[] => [
  { id: `run:${name}`, name, path: `/home/me/experiments/${name}`, run },
];

/** With times, one entry every `everySeconds`. */
function withTimes(view: TrainingView, everySeconds: number, from = startSeconds): TrainingView {
  const series = view.series.map((each) => ({
    ...each,
    wallTimes: each.steps.map((step) => from + step * everySeconds),
  }));
  return { ...view, series };
}

function trainingView(name: string): TrainingView {
  const view = trainingSamples[name]?.();
  if (view === undefined) throw new Error(`No sample "${name}"`);
  return view;
}

/** A learning rate each: what a sweep looks like. */
function sweepRun(index: number): RunSample {
  const random = randomNumbers(11 + index);
  const steps = [600, 600, 450, 600][index] ?? 600;
  const rate = [1e-4, 2e-4, 4e-4, 8e-4][index] ?? 1e-4;
  const entries: LogEntry[] = [];
  for (let step = 10; step <= steps; step += 10) {
    const done = step / 600;
    const speed = 3 + index;
    const drift = index === 3 && done > 0.5 ? (done - 0.5) * 1.4 : 0;
    const loss = 0.95 - 0.04 * index + 2.2 * Math.exp(-speed * done) + drift + 0.06 * (random() - 0.5);
    const values = new Map([
      ["loss", loss],
      ["learning_rate", rate * Math.min(1, step / 60) * (1 - done * 0.9)],
      ["grad_norm", 0.5 + 0.2 * index + random() * 0.3 + drift],
    ]);
    entries.push({ step, epoch: step / 200, values });
    if (step % 50 === 0) {
      entries.push({ step, epoch: step / 200, values: new Map([["eval_loss", loss + 0.08 + drift / 2]]) });
    }
  }
  const name = `qwen-lora-lr-${rate.toExponential(0).replace("e-", "e-")}`;
  const view: TrainingView = {
    series: buildSeries(entries),
    checkpoints: [],
    summary: index === 2 ? [] : [["train_runtime", 1812.5 + index]],
    maxSteps: 600,
    config: [
      ["learning_rate", String(rate)],
      ["lora_r", index === 1 ? "32" : "16"],
      ["lora_alpha", index === 1 ? "64" : "32"],
      ["per_device_train_batch_size", "8"],
      ["weight_decay", index === 3 ? "0.1" : "0.01"],
      ["warmup_steps", "60"],
      ["bf16", "True"],
      ["model_name_or_path", "Qwen/Qwen2.5-0.5B"],
      ["seed", String(40 + index)],
    ],
    problems: [],
  };
  const progress =
    index === 2
      ? { stepsPerSecond: 0.4, usualPauseSeconds: 25, secondsLeft: 375, lastWrittenMs: sampleNowMs - 12_000 }
      : { lastWrittenMs: sampleNowMs - 7_200_000 };
  const run = new ChartedSample(withTimes(view, 2.5, startSeconds - index * 86_400), { progress });
  return { id: `run:${name}`, name, path: `/home/me/sweeps/${name}`, run };
}

/** The metrics of TRL's GRPO trainer (formats.md §4), most of them in families. */
const grpoMetrics: readonly (readonly [key: string, start: number, end: number, noise: number])[] = [
  ["loss", 0.002, 0.06, 0.02],
  ["grad_norm", 1.2, 0.5, 0.3],
  ["learning_rate", 1e-6, 1e-8, 0],
  ["reward", 0.12, 0.71, 0.08],
  ["reward_std", 0.31, 0.18, 0.05],
  ["kl", 0, 0.09, 0.01],
  ["entropy", 1.4, 0.6, 0.06],
  ["frac_reward_zero_std", 0.1, 0.4, 0.1],
  ["rewards/accuracy_reward/mean", 0.1, 0.62, 0.08],
  ["rewards/accuracy_reward/std", 0.3, 0.2, 0.05],
  ["rewards/format_reward/mean", 0.4, 0.98, 0.05],
  ["rewards/format_reward/std", 0.4, 0.05, 0.03],
  ["rewards/length_reward/mean", -0.2, 0.15, 0.06],
  ["rewards/length_reward/std", 0.2, 0.14, 0.04],
  ["completions/mean_length", 180, 420, 30],
  ["completions/min_length", 20, 60, 10],
  ["completions/max_length", 512, 1024, 40],
  ["completions/clipped_ratio", 0.02, 0.18, 0.04],
  ["completions/mean_terminated_length", 170, 380, 25],
  ["clip_ratio/low_mean", 0.01, 0.03, 0.01],
  ["clip_ratio/high_mean", 0.01, 0.04, 0.01],
  ["clip_ratio/region_mean", 0.02, 0.06, 0.01],
  ["sampling/sampling_logp_difference/mean", 0.01, 0.02, 0.003],
  ["sampling/sampling_logp_difference/max", 0.4, 0.9, 0.2],
  ["sampling/importance_sampling_ratio/mean", 1, 0.98, 0.01],
  ["num_tokens", 0, 2.4e7, 0],
  ["step_time", 41, 44, 3],
];

function grpoRun(): TrainingView {
  const random = randomNumbers(5);
  const entries: LogEntry[] = [];
  for (let step = 1; step <= 400; step++) {
    const done = step / 400;
    const values = grpoMetrics.map(([key, start, end, noise]) => {
      const value = start + (end - start) * (1 - Math.exp(-3 * done)) + noise * (random() - 0.5) * 2;
      return [key, key === "num_tokens" ? Math.round(end * done) : value] as const;
    });
    entries.push({ step, epoch: step / 250, values: new Map(values) });
  }
  return {
    series: buildSeries(entries),
    checkpoints: [100, 200, 300, 400].map((step) => ({
      path: `/runs/grpo/checkpoint-${step}`,
      name: `checkpoint-${step}`,
      step,
      epoch: step / 250,
      best: step === 300,
      current: false,
    })),
    summary: [],
    maxSteps: 1000,
    config: [
      ["learning_rate", "1e-06"],
      ["num_generations", "8"],
      ["beta", "0.04"],
    ],
    problems: [],
  };
}

export const longPoints = 1_000_000;
export const longSpikeStep = 654_321;

/** 1,000,000 points × 4 series; the loss has a spike of one point. */
function millionPoints(): TrainingView {
  const steps = Float64Array.from({ length: longPoints }, (_, index) => index + 1);
  const random = randomNumbers(3);
  const line = (start: number, end: number, noise: number) =>
    steps.map((step) => end + (start - end) * Math.exp((-6 * step) / longPoints) + noise * (random() - 0.5));
  const loss = line(3.2, 0.9, 0.25);
  loss[longSpikeStep - 1] = 19;
  const epochs = steps.map((step) => step / 250_000);
  const wallTimes = steps.map((step) => startSeconds - 200_000 + step * 0.2);
  const make = (key: string, values: Float64Array<ArrayBuffer>) => ({
    ...(buildSeries([
      { step: 1, epoch: 0, values: new Map([[key, 1]]) },
    ])[0] as TrainingView["series"][number]),
    steps,
    epochs,
    wallTimes,
    values,
  });
  return {
    series: [
      make("loss", loss),
      make("learning_rate", line(2e-4, 0, 0)),
      make("grad_norm", line(2, 0.4, 0.3)),
      make("mean_token_accuracy", line(0.4, 0.7, 0.05)),
    ],
    checkpoints: [],
    summary: [],
    maxSteps: longPoints,
    problems: [],
  };
}

const running = {
  stepsPerSecond: 2.13,
  tokensPerSecond: 4362,
  usualPauseSeconds: 1,
  secondsLeft: 56,
  lastWrittenMs: sampleNowMs - 12_000,
};

export const runSamples: Readonly<Record<string, () => RunSample[]>> = {
  run: () =>
    one(
      "llama-lora",
      new ChartedSample({
        ...trainingView("run"),
        config: [
          ["learning_rate", "0.0002"],
          ["lora_r", "16"],
        ],
      }),
    ),
  live: () =>
    one(
      "llama-lora",
      new ChartedSample(withTimes({ ...trainingView("run"), summary: [] }, 0.47), { progress: running }),
    ),
  stalled: () =>
    one(
      "llama-lora",
      new ChartedSample(withTimes({ ...trainingView("run"), summary: [] }, 0.47), {
        progress: { ...running, lastWrittenMs: sampleNowMs - 25 * 60_000 },
      }),
    ),
  empty: () => one("llama-lora", new ChartedSample(trainingView("empty"))),
  onePoint: () => one("llama-lora", new ChartedSample(trainingView("onePoint"))),
  notFinite: () => one("diverged", new ChartedSample(trainingView("notFinite"))),
  long: () => one("llama-lora", new ChartedSample(trainingView("long"))),
  million: () => one("pretraining", new ChartedSample(millionPoints())),
  hostile: () => one(hostileName, new ChartedSample(trainingView("hostile"))),
  failed: () =>
    one("llama-lora", new ChartedSample(trainingView("run"))).map((run) => ({ ...run, fails: true })),
  grpo: () => one("qwen-grpo", new ChartedSample(withTimes(grpoRun(), 42), { progress: running })),
  sweep: () => [0, 1, 2, 3].map(sweepRun),
};
