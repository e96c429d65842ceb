import { describe, expect, it } from "vitest";
import type { LogEntry } from "../../../src/core/progress/trainerState";
import { faultOfRun, trainingFaults } from "../../../src/core/progress/trainingFaults";

type Row = Readonly<Record<string, number>>;

/** One entry for each step, from 1 on. */
function logged(steps: number, row: (step: number) => Row): readonly LogEntry[] {
  return Array.from({ length: steps }, (_, at) => ({
    step: at + 1,
    epoch: Number.NaN,
    values: new Map(Object.entries(row(at + 1))),
  }));
}

/** A loss that falls from 4 to 1. */
const learning = (step: number) => ({
  loss: 1 + 3 * Math.exp(-step / 8),
  grad_norm: 1,
  learning_rate: 1e-4,
});

function faults(row: (step: number) => Row, maxSteps?: number) {
  return trainingFaults(logged(40, row), maxSteps).map(({ code, from }) => [code, from]);
}

describe("a training that no longer learns", () => {
  it("diverged: its loss is back above where it began, and stays", () => {
    const found = trainingFaults(
      logged(40, (step) => (step > 22 ? { ...learning(step), loss: 10.8 } : learning(step))),
      1000,
    );
    expect(found.map(({ code, from }) => [code, from])).toEqual([["Diverged", 23]]);
    expect(found[0]?.told).toMatch(
      /^from step 23 to the end of its log the loss is 10\.8 or more, above the 3\.\d+ that it began with, after 1\.\d+ at step 22$/,
    );
  });

  it("diverged: its loss only grew, to many times of what it began with", () => {
    expect(faults((step) => ({ loss: Math.min(40, 1.5 * step) }))).toEqual([["Diverged", 11]]);
  });

  it.each<[string, (step: number) => Row]>([
    ["a spike", (step) => (step === 20 || step === 21 ? { ...learning(step), loss: 12 } : learning(step))],
    ["a spike at the end", (step) => (step > 38 ? { ...learning(step), loss: 12 } : learning(step))],
    ["harder data", (step) => ({ loss: step <= 20 ? 1.2 : 2.6 })],
    ["noise without learning", (step) => ({ loss: 2 + 0.4 * Math.sin(step * step) })],
    ["a value function's returns", (step) => ({ loss: 5 * step, reward: step })],
    ["a likelihood", (step) => ({ loss: -100 + 5 * step })],
    ["a generator's loss", (step) => ({ loss: 1 + 0.05 * step })],
    ["GRPO, whose loss is 0", (step) => ({ loss: 0, grad_norm: 0.3 + 0.001 * step, reward: 1 })],
    ["short", (step) => (step > 4 ? {} : { loss: 4 * step })],
  ])("is none of these: %s", (_, row) => {
    expect(faults(row, 1000)).toEqual([]);
  });

  it("collapsed: NaN, or 0 with a gradient norm of NaN, and nothing else is told then", () => {
    expect(
      faults((step) => (step > 20 ? { loss: 0, grad_norm: Number.NaN, learning_rate: 0 } : learning(step))),
    ).toEqual([["Collapsed", 21]]);
    expect(faults((step) => (step > 30 ? { loss: Number.NaN } : learning(step)))).toEqual([
      ["Collapsed", 31],
    ]);
  });

  it("has gradients that are infinite, or all 0, while the loss says nothing", () => {
    const infinite = (step: number) =>
      step > 20 ? { ...learning(step), grad_norm: Number.POSITIVE_INFINITY } : learning(step);
    expect(faults(infinite)).toEqual([["GradientsNotFinite", 21]]);
    expect(faults(() => ({ loss: 4.5, grad_norm: 0 }))).toEqual([["NoGradients", 1]]);
    const [fault] = trainingFaults(
      logged(40, () => ({ loss: 4.5, grad_norm: 0 })),
      undefined,
    );
    expect(fault && faultOfRun(fault, "/r").message).toBe(
      "Nothing was trained: from step 1 to the end of its log every gradient norm is exactly 0.",
    );
  });

  it("has a learning rate of 0 with steps left, which the end of a schedule is not", () => {
    const stopped = (step: number) => ({ ...learning(step), learning_rate: step > 20 ? 0 : 1e-4 });
    expect(faults(stopped, 1000)).toEqual([["NoLearningRate", 21]]);
    const linear = (step: number) => ({ ...learning(step), learning_rate: 1e-4 * Math.max(0, 36 - step) });
    expect(faults(linear, 40)).toEqual([]);
  });
});
