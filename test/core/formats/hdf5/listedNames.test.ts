import { expect, test } from "vitest";
import { lostNames } from "../../../../src/core/formats/hdf5/listedNames";

// `layer_names` and `weight_names` as Keras' legacy_h5_format.py writes them.
const lists = [
  { path: "model_weights", attribute: "layer_names", names: ["d1", "bn", "flatten"] },
  { path: "model_weights/d1", attribute: "weight_names", names: ["seq/d1/kernel", "seq/d1/bias"] },
  { path: "model_weights/flatten", attribute: "weight_names", names: [] },
];

const paths = (...more: readonly string[]) =>
  new Set([
    "model_weights",
    "model_weights/d1",
    "model_weights/flatten",
    "model_weights/d1/seq/d1/bias",
    ...more,
  ]);

test("tells layers and weights that Keras lists and the file has not", () => {
  const messages = lostNames(lists, paths()).map(({ message }) => message);
  expect(messages).toEqual([
    expect.stringMatching(/^"model_weights" lists the layer "bn" \(layer_names\)/),
    expect.stringMatching(/^"model_weights\/d1" lists the weight "seq\/d1\/kernel" \(weight_names\)/),
  ]);
  expect(lostNames(lists, paths("model_weights/bn", "model_weights/d1/seq/d1/kernel"))).toEqual([]);
  expect(lostNames([{ path: "", attribute: "layer_names0", names: ["d1"] }], new Set(["d1"]))).toEqual([]);
});
