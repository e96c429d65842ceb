import type { OptimizerState } from "../../../src/core/optimizer/optimizerState";
import type { ResumeInputs } from "../../../src/core/resume/resumeInputs";

/** An AdamW with parameters of these shapes. */
export function optimizer(
  shapes: readonly (readonly number[])[],
  given: Partial<OptimizerState> = {},
): OptimizerState {
  return {
    path: "",
    name: "AdamW",
    reason: "",
    groups: [
      {
        index: 0,
        parameterCount: shapes.length,
        hyperparameters: [],
        settings: new Map(),
        learningRate: 1e-3,
      },
    ],
    differingKeys: [],
    parameters: shapes.map((shape, index) => ({
      index,
      group: 0,
      shape,
      state: new Map(),
      tensors: new Map(),
    })),
    stateBytes: 0,
    emptyState: false,
    ...given,
  };
}

export function model(shapes: readonly (readonly number[])[]): ResumeInputs["model"] {
  const tensors = shapes.map((shape, at) => ({
    name: `layers.${at}.weight`,
    dtype: "F32",
    shape,
    byteSize: 0,
    offset: 0,
    fileIndex: 0,
  }));
  return { place: "model.safetensors", tensors, inModelOrder: false, isAdapter: false };
}

export const range = (most: number, least = most) => ({ least, most, looked: 1, counting: 1 });

/** A checkpoint in which nothing is wrong. */
export function inputs(given: Partial<ResumeInputs>): ResumeInputs {
  return {
    name: "checkpoint-100",
    kind: "folder",
    model: model([[4, 4], [4]]),
    optimizer: { place: "optimizer.pt", states: [optimizer([[4, 4], [4]])], steps: [range(100)] },
    schedulers: [{ place: "scheduler.pt", step: 100, learningRates: [1e-3] }],
    random: { ranks: [0], places: ["rng_state.pth"] },
    scaler: undefined,
    precision: undefined,
    worldSize: undefined,
    progress: { place: "trainer_state.json", step: 100, epoch: 2 },
    layout: undefined,
    namedStep: 100,
    broken: [],
    whole: [],
    missingShards: [],
    shardCount: 1,
    ...given,
  };
}
