import { expect, test } from "vitest";
import type { OptimizerState } from "../../../src/core/optimizer/optimizerState";
import { parseTrainerState } from "../../../src/core/progress/trainerState";
import { momentFaults } from "../../../src/core/resume/doubts/momentFaults";
import { progressDoubts } from "../../../src/core/resume/doubts/progressDoubts";
import { scheduleDoubt } from "../../../src/core/resume/doubts/scheduleDoubt";
import type { Tensor } from "../../../src/core/tensors/tensor";

/** Moments of two parameters by key, and their first values. */
function looked(values: Readonly<Record<string, readonly number[]>>) {
  const seen = new Map<Tensor, Float64Array>();
  const parameters = [0, 1].map((index) => {
    const tensors = new Map<string, Tensor>();
    for (const [key, given] of Object.entries(values)) {
      const name = `state.${index}.${key}`;
      const tensor = { name, dtype: "F32", shape: [given.length], byteSize: 0, offset: 0, fileIndex: 0 };
      tensors.set(key, tensor);
      seen.set(tensor, Float64Array.from(given));
    }
    return { index, group: 0, shape: [3], state: new Map(), tensors };
  });
  const states: readonly OptimizerState[] = [
    {
      path: "",
      name: "AdamW",
      reason: "",
      groups: [],
      differingKeys: [],
      parameters,
      stateBytes: 0,
      emptyState: false,
    },
  ];
  return momentFaults(seen, states).doubt;
}

test.each<[Readonly<Record<string, readonly number[]>>, RegExp | undefined]>([
  [{ exp_avg: [-1, 0, 1], exp_avg_sq: [1, 0, 1] }, undefined],
  // A parameter that no gradient reached is no fault of the others.
  [{ momentum_buffer: [-1, 0, 1] }, undefined],
  [{ exp_avg: [0, 0, 0], exp_avg_sq: [0, 0, 0] }, /^all 4 moments .* nothing but zeros/],
  [
    { exp_avg: [1, 0, 1], exp_avg_sq: [0, 0, 0] },
    /^the second moments of 2 parameters .* are zero where the first are not/,
  ],
  [
    { exp_avg: [1, 0, 1], exp_avg_sq: [1, -1, 1] },
    /^"state\.0\.exp_avg_sq" has negative values, and so is 1 more/,
  ],
])("moments %j", (values, doubt) => {
  if (doubt === undefined) expect(looked(values)).toBeUndefined();
  else expect(looked(values)).toMatch(doubt);
});

test("a batch size that is not that of the arguments", () => {
  const state = parseTrainerState('{"global_step": 4, "train_batch_size": 2, "log_history": []}');
  expect(progressDoubts(state, 2)).toEqual([]);
  expect(progressDoubts(state, undefined)).toEqual([]);
  expect(progressDoubts(state, 4)).toEqual([
    expect.stringMatching(/batch size of 2 and training_args\.bin says 4/),
  ]);
});

test.each<[string, { base?: number[]; warmup?: number; rate?: number }, RegExp | undefined]>([
  ["as it began", { base: [1e-3], warmup: 20 }, undefined],
  [
    "of another training",
    { base: [3e-5] },
    /^scheduler\.pt began at a learning rate of 3e-5, the optimizer's groups at 0\.001/,
  ],
  ["whose warm-up outlasts it", { warmup: 500 }, /^The warm-up takes 500 steps .*, and 200 are planned/],
  ["at a rate of 0", { rate: 0 }, /learning rate of 0 with 100 steps left of 200/],
])("a schedule %s", (_, { base = [], warmup, rate = 1e-4 }, doubt) => {
  const groups = [
    {
      index: 0,
      parameterCount: 1,
      hyperparameters: [],
      settings: new Map([["initial_lr", 1e-3]]),
      learningRate: rate,
    },
  ];
  const told = scheduleDoubt(
    {
      schedulers: [{ place: "scheduler.pt", step: 100, learningRates: [rate], baseRates: base }],
      optimizer: { place: "optimizer.pt", states: [], steps: [] },
      progress: { place: "trainer_state.json", step: 100, epoch: 1, planned: 200 },
      warmup: warmup === undefined ? undefined : { steps: warmup, place: "training_args.bin" },
    },
    groups,
  );
  if (doubt === undefined) expect(told).toBeUndefined();
  else expect(told).toMatch(doubt);
});
