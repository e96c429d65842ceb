import { describe, expect, test } from "vitest";
import { kerasTensors } from "../../../src/core/formats/keras/kerasMoments";
import { optaxTensors } from "../../../src/core/formats/orbax/optaxState";
import { slotTensors } from "../../../src/core/formats/tensorflow/slots";
import { type TrainingTensors, trainingTree } from "../../../src/core/formats/trainingTree";
import { optimizerStates } from "../../../src/core/optimizer/optimizerState";
import type { Tensor } from "../../../src/core/tensors/tensor";

const tensor = (name: string, shape: readonly number[] = [2, 3], dtype = "F32"): Tensor => ({
  name,
  dtype,
  shape,
  byteSize: shape.reduce((product, size) => product * size, 4),
  offset: 0,
  fileIndex: 0,
});

/** Parameters with the names of the tensors that are kept of them, and what is kept once. */
function told({ moments, settings, progress }: TrainingTensors) {
  const kept: Record<string, Record<string, string>> = {};
  for (const { parameter, key, tensor: of } of moments)
    kept[parameter] = { ...kept[parameter], [key]: of.name };
  return { kept, settings: [...settings.keys()], progress: [...(progress?.keys() ?? [])] };
}

describe("what an optimizer keeps is joined to the parameters", () => {
  test("of optax, by the paths of the state's trees", () => {
    const tensors = [
      tensor("params.Dense_0.kernel"),
      tensor("opt_state.0.count", [], "I32"),
      tensor("opt_state.0.mu.Dense_0.kernel"),
      tensor("opt_state.0.nu.Dense_0.kernel"),
      tensor("step", [], "I32"),
    ];
    expect(told(optaxTensors(tensors))).toEqual({
      kept: {
        "params.Dense_0.kernel": { mu: "opt_state.0.mu.Dense_0.kernel", nu: "opt_state.0.nu.Dense_0.kernel" },
      },
      settings: ["0.count"],
      progress: ["step"],
    });
    const content = trainingTree(tensors, optaxTensors(tensors));
    const [state] = content === undefined ? [] : optimizerStates(content);
    expect(state?.name).toBe("Adam family (optax)");
    expect(state?.parameters).toMatchObject([{ name: "params.Dense_0.kernel", shape: [2, 3] }]);
  });

  test("of optax, whatever is kept, by the paths of the parameters; averages and random keys are no parameters", () => {
    const tensors = [
      tensor("params.params.norm.scale", [3]),
      tensor("opt_state.1.e_g.params.norm.scale", [3]),
      tensor("opt_state.1.diagonal.params.norm.scale.0", [3]),
      tensor("opt_state.hyperparams.learning_rate", []),
      tensor("ema_params.params.norm.scale", [3]),
      tensor("rngs.key", [2], "U32"),
    ];
    const found = optaxTensors(tensors);
    expect(told(found)).toEqual({
      kept: {
        "params.params.norm.scale": {
          e_g: "opt_state.1.e_g.params.norm.scale",
          "diagonal.0": "opt_state.1.diagonal.params.norm.scale.0",
        },
      },
      settings: ["hyperparams.learning_rate"],
      progress: [],
    });
    expect([...(trainingTree(tensors, found)?.parameters ?? [])]).toEqual(["params.params.norm.scale"]);
  });

  test("of TensorFlow 2, by its slots", () => {
    const value = ".ATTRIBUTES/VARIABLE_VALUE";
    const tensors = [
      tensor(`model/dense/kernel/${value}`),
      tensor(`model/dense/kernel/.OPTIMIZER_SLOT/optimizer/m/${value}`),
      tensor(`model/dense/kernel/.OPTIMIZER_SLOT/optimizer/v/${value}`),
      tensor(`generator_optimizer/iter/${value}`, [], "I64"),
      tensor(`discriminator_optimizer/iter/${value}`, [], "I64"),
    ];
    const found = slotTensors(tensors);
    expect(told(found)).toEqual({
      kept: { [`model/dense/kernel/${value}`]: { m: tensors[1]?.name, v: tensors[2]?.name } },
      settings: ["iter", tensors[4]?.name],
      progress: [],
    });
    expect([...(trainingTree(tensors, found)?.parameters ?? [])]).toEqual([tensors[0]?.name]);
  });

  test("of TensorFlow 2 without what stateful layers went through", () => {
    const value = ".ATTRIBUTES/VARIABLE_VALUE";
    const tensors = [
      tensor(`layer_with_weights-0/cell/kernel/${value}`),
      tensor(`layer_with_weights-0/keras_api/states/0/${value}`),
    ];
    expect([...(trainingTree(tensors, slotTensors(tensors))?.parameters ?? [])]).toEqual([tensors[0]?.name]);
  });

  test("of TensorFlow 1, by the names behind those of parameters that are there", () => {
    const tensors = [
      tensor("dense/kernel"),
      tensor("dense/kernel/Adam"),
      tensor("dense/kernel/Adam_1"),
      tensor("beta1_power", []),
      tensor("global_step", [], "I64"),
      tensor("encoder/Adam"),
    ];
    expect(told(slotTensors(tensors))).toEqual({
      kept: { "dense/kernel": { m: "dense/kernel/Adam", v: "dense/kernel/Adam_1" } },
      settings: ["beta1_power"],
      progress: ["global_step"],
    });
  });

  test("of TensorFlow 1, of an optimizer that was made within a variable scope", () => {
    const tensors = [
      tensor("Optimizer/OptimizeLoss/dense/kernel/Adam"),
      tensor("Optimizer/OptimizeLoss/dense/kernel/Adam_1"),
      tensor("Optimizer/OptimizeLoss/beta1_power", []),
      tensor("Optimizer/OptimizeLoss/learning_rate", []),
      tensor("train/beta2_power_1", []),
      tensor("train/other/kernel/Adam"),
      tensor("dense/kernel"),
    ];
    const found = slotTensors(tensors);
    expect(told(found)).toEqual({
      kept: { "dense/kernel": { m: tensors[0]?.name, v: tensors[1]?.name } },
      settings: [tensors[2]?.name, tensors[3]?.name, tensors[4]?.name],
      progress: [],
    });
    expect([...(trainingTree(tensors, found)?.parameters ?? [])]).toEqual([tensors[5]?.name, "dense/kernel"]);
  });

  test("of optax in an item that is called opt, whose counts and gradients are no parameters; a model of that name is one", () => {
    const item = [
      tensor("opt.mini_step", [], "I32"),
      tensor("opt.acc_grads.enc.w"),
      tensor("opt.inner_opt_state.0.mu.enc.w"),
    ];
    const found = optaxTensors([tensor("params.enc.w"), ...item]);
    expect(told(found).kept["params.enc.w"]).toEqual({
      acc_grads: "opt.acc_grads.enc.w",
      mu: "opt.inner_opt_state.0.mu.enc.w",
    });
    expect(told(found).settings).toEqual(["mini_step"]);
    expect(optaxTensors([tensor("opt.decoder.w")])).toMatchObject({ moments: [], settings: new Map() });
  });

  test("of Keras 3, in the order of the numbers and not of the letters", () => {
    const vars = (number: number, shape: readonly number[], dtype?: string) =>
      tensor(`optimizer/vars/${number}`, shape, dtype);
    const shapes = [[5, 4], [4], [4, 3], [3], [3, 2]];
    const tensors = [
      vars(1, []),
      vars(10, [3, 2]),
      vars(11, [3, 2]),
      vars(0, [], "I64"),
      ...shapes.slice(0, 4).flatMap((shape, at) => [vars(2 + 2 * at, shape), vars(3 + 2 * at, shape)]),
      tensor("layers/dense/vars/0", [5, 4]),
    ];
    const found = kerasTensors(tensors);
    expect(told(found).settings).toEqual(["iterations", "learning_rate"]);
    expect(
      found.moments.slice(-2).map(({ parameter, key, tensor: of }) => [parameter, key, of.name]),
    ).toEqual([
      [4, "slot 1", "optimizer/vars/10"],
      [4, "slot 2", "optimizer/vars/11"],
    ]);
    const keysOf = (className: string, keepsAverage = false, some = tensors) =>
      kerasTensors(some, { className, keepsAverage }).moments.map(
        ({ parameter, key }) => `${parameter} ${key}`,
      );
    expect(keysOf("Adadelta").slice(0, 2)).toEqual(["0 accumulated_grad", "0 accumulated_delta_var"]);
    // An average of each of the five weights stands before the moments, or a largest velocity behind them.
    const moments = shapes.flatMap((shape) => [shape, shape]);
    const withAverage = [...shapes, ...moments].map((shape, at) => vars(at, shape));
    expect(keysOf("Adam", true, withAverage).slice(3, 7)).toEqual([
      "3 average",
      "4 average",
      "0 momentum",
      "0 velocity",
    ]);
    const withLargest = [...moments, ...shapes].map((shape, at) => vars(at, shape));
    expect(keysOf("Adam", false, withLargest).slice(9, 11)).toEqual(["4 velocity", "0 velocity_hat"]);
  });

  test("of Keras 3, in the lists that the settings of its optimizer tell", () => {
    // As the paths of the variables of Keras 3.15 tell them: a kernel and a bias each.
    const pair = [[6, 5], [5]];
    const keysOf = (lists: number, settings: object) =>
      kerasTensors(
        Array.from({ length: lists }, () => pair)
          .flat()
          .map((shape, at) => tensor(`optimizer/vars/${at}`, shape)),
        { className: "RMSprop", keepsAverage: false, ...settings },
      ).moments.map(({ parameter, key }) => `${parameter} ${key}`);
    const list = (key: string) => [`0 ${key}`, `1 ${key}`];
    expect(keysOf(3, { hasMomentum: true, isCentered: true })).toEqual(
      ["velocity", "momentum", "average_gradient"].flatMap(list),
    );
    expect(keysOf(2, { isCentered: true })).toEqual(["velocity", "average_gradient"].flatMap(list));
    expect(keysOf(3, { className: "SGD", keepsAverage: true, accumulates: true, hasMomentum: true })).toEqual(
      ["average", "gradient_accumulator", "momentum"].flatMap(list),
    );
    expect(keysOf(1, { className: "SGD", keepsAverage: true, hasMomentum: false })).toEqual(list("average"));
    const averaged = { className: "Lion", keepsAverage: true };
    expect(keysOf(2, averaged)).toEqual(["average", "momentum"].flatMap(list));
  });

  test("of Keras 3 in its old form, by names whose slashes were lost; of one that scales the loss, by the one inside", () => {
    const flat = [
      tensor("model_weights/conv/conv/kernel"),
      tensor("optimizer_weights/adam_1/conv_kernel_velocity"),
    ];
    expect(told(kerasTensors(flat)).kept).toEqual({
      "model_weights/conv/conv/kernel": { velocity: "optimizer_weights/adam_1/conv_kernel_velocity" },
    });
    const scaled = [tensor("optimizer/vars/0", []), tensor("optimizer/inner_optimizer/vars/0")];
    expect(told(kerasTensors(scaled))).toEqual({
      kept: { 0: { slot: "optimizer/inner_optimizer/vars/0" } },
      settings: ["optimizer/vars/0"],
      progress: [],
    });
  });

  test.each(["Adam/m/dense/kernel:0", "Adam/dense/kernel/m:0", "training/Adam/dense/kernel/m:0"])(
    "of Keras 2, by its name: %s",
    (name) => {
      const tensors = [
        tensor("model_weights/dense/dense/kernel:0"),
        tensor(`optimizer_weights/${name}`),
        tensor("optimizer_weights/Adam/iter:0", [], "I64"),
      ];
      expect(told(kerasTensors(tensors))).toMatchObject({
        kept: { "model_weights/dense/dense/kernel:0": { m: `optimizer_weights/${name}` } },
        settings: ["Adam/iter"],
      });
    },
  );

  test("of Keras 3, without what it keeps beside the weights; the step of Keras 2.11 by its name in the singular", () => {
    const tensors = [
      "layers/dense/vars/0",
      "metrics/mean/vars/1",
      "layers/dropout/seed_generator/vars/0",
    ].map((name) => tensor(name));
    const { beside } = kerasTensors(tensors);
    expect([...(beside ?? [])].map(([kind, some]) => [kind, ...some.map(({ name }) => name)])).toEqual([
      ["counters", "metrics/mean/vars/1"],
      ["random", "layers/dropout/seed_generator/vars/0"],
    ]);
    const step = tensor("optimizer_weights/iteration:0", [], "I64");
    expect(told(kerasTensors([step])).settings).toEqual(["iterations"]);
  });

  test("a checkpoint of a model alone has no tree", () => {
    const tensors = [tensor("layers/dense/vars/0"), tensor("model/m")];
    expect(trainingTree(tensors, kerasTensors(tensors))).toBeUndefined();
    expect(trainingTree(tensors, slotTensors(tensors))).toBeUndefined();
    expect(trainingTree(tensors, optaxTensors(tensors))).toBeUndefined();
  });
});
