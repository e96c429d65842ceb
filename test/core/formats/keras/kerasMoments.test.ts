import { describe, expect, it } from "vitest";
import { kerasTensors } from "../../../../src/core/formats/keras/kerasMoments";
import type { Tensor } from "../../../../src/core/tensors/tensor";

const tensor = (name: string, shape: readonly number[], dtype = "F32"): Tensor =>
  ({ name, dtype, shape, offset: 0, byteSize: 0, fileIndex: 0 }) as unknown as Tensor;

const model = [
  tensor("model_weights/dense_1/dense_1/bias:0", [2]),
  tensor("model_weights/dense_1/dense_1/kernel:0", [3, 2]),
];

/** Names as `keras/optimizers.py` of 2.2 gives them on TensorFlow 1: one counter for all that has no name of its own. */
const counted = (className: string, shapes: readonly (readonly number[])[], from = 0) =>
  shapes.map((shape, at) => {
    const number = from + at;
    return tensor(
      `optimizer_weights/training/${className}/Variable${number === 0 ? "" : `_${number}`}:0`,
      shape,
    );
  });

const kept = (tensors: readonly Tensor[]) => {
  const { moments, settings } = kerasTensors([...model, ...tensors]);
  return {
    moments: moments.map(({ parameter, key, tensor: { shape } }) => [parameter, key, shape]),
    settings: [...settings.keys()],
  };
};

describe("what Keras kept on TensorFlow 1", () => {
  const iterations = tensor("optimizer_weights/Adam/iterations:0", [], "I64");
  const twice = [[3, 2], [2], [3, 2], [2]];

  it("is Adam's in three lists, of which the third has placeholders", () => {
    expect(kept([iterations, ...counted("Adam", [...twice, [1], [1]])])).toEqual({
      moments: [
        [0, "m", [3, 2]],
        [0, "v", [3, 2]],
        [1, "m", [2]],
        [1, "v", [2]],
      ],
      settings: [
        "Adam/iterations",
        "optimizer_weights/training/Adam/Variable_4:0",
        "optimizer_weights/training/Adam/Variable_5:0",
      ],
    });
  });

  it("is Adam's with amsgrad, counted on from another training", () => {
    const { moments } = kept(counted("Adam", [...twice, [3, 2], [2]], 18).toReversed());
    expect(moments.map(([, key]) => key)).toEqual(["m", "v", "vhat", "m", "v", "vhat"]);
  });

  it.each([
    ["SGD", ["momentum", "momentum"]],
    ["RMSprop", ["rms", "rms"]],
    ["Adagrad", ["accumulator", "accumulator"]],
  ])("is one list of %s", (className, keys) => {
    expect(kept(counted(className, [[3, 2], [2]])).moments.map(([, key]) => key)).toEqual(keys);
  });

  it("is numbered where the lists do not come out", () => {
    expect(kept(counted("Adam", [[3, 2], [2], [7]])).moments.map(([, key]) => key)).toEqual([
      "slot",
      "slot",
      "slot",
    ]);
  });

  it("has names by the parameter's place from 2.3 on", () => {
    const placed = ["m_0", "m_1", "v_0", "v_1", "vhat_0", "vhat_1"].map((name, at) =>
      tensor(`optimizer_weights/training/Adam/${name}:0`, at > 3 ? [1] : at % 2 === 0 ? [3, 2] : [2]),
    );
    expect(kept([iterations, ...placed]).moments).toEqual([
      [0, "m", [3, 2]],
      [0, "v", [3, 2]],
      [1, "m", [2]],
      [1, "v", [2]],
    ]);
  });
});
