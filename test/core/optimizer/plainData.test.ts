import { expect, it } from "vitest";
import type { FormatId } from "../../../src/core/formats/format";
import { holdsArraysOnly } from "../../../src/core/optimizer/plainData";
import type { Tensor } from "../../../src/core/tensors/tensor";

const isData = (
  format: FormatId,
  name: string,
  names: readonly string[],
  dtype = "F32",
  keys: string[] = [],
) =>
  holdsArraysOnly({
    format,
    name,
    tensors: names.map((each) => ({ name: each, dtype, shape: [3, 4] }) as unknown as Tensor),
    metadata: new Map(keys.map((key) => [key, ""])),
  });

it.each([
  ["npy", "labels.npy", ["array"], "U8"],
  ["npy", "q_table.npy", ["array"]],
  ["npz", "features.npz", ["arr_0", "arr_1"]],
  ["npz", "graph.npz", ["data", "format", "indices", "indptr", "shape"]],
  ["npz", "statistics.npz", ["mean", "std"]],
  ["npz", "params.npz", ["points_dst", "points_src"]],
  ["hdf5", "door.hdf5", ["episode_0/actions", "episode_0/observations", "episode_0/infos/qpos"]],
  ["hdf5", "set.hdf5", ["DS1"], "I64"],
  ["hdf5", "cells.h5", ["obs/_index", "var/_index", "vel", "box"]],
  ["npz", "linear_program.npz", ["A_eq", "b_ub", "bounds", "c"]],
  ["safetensors", "tokens.safetensors", ["input_ids", "attention_mask"], "I64"],
] as const)("%s with the arrays of %s is data", (format, name, names, dtype?: string) => {
  expect(isData(format, name, names, dtype)).toBe(true);
});

it.each([
  ["npy", "embedding_weights.npy", ["array"]],
  ["npz", "params.npz", ["arr_0", "arr_1"]],
  ["npz", "mnist.npz", ["W1", "b1", "W2", "b2"]],
  ["npz", "rnn.npz", ["hidden_W", "out_b"]],
  ["npz", "vit.npz", ["Transformer/encoderblock_0/MlpBlock_3/Dense_0/kernel"]],
  ["npz", "adapters.npz", ["model.layers.0.self_attn.q_proj.lora_a"]],
  ["hdf5", "chainer.h5", ["predictor/l1/W", "predictor/l1/b"]],
  ["hdf5", "model.weights.h5", ["layers/re_lu/vars/0"]],
  ["safetensors", "anything.safetensors", ["observations"]],
  ["safetensors", "part.safetensors", ["model.layers.0.mlp.down_proj.qzeros"], "I32"],
  ["safetensors", "codes.safetensors", ["codes"], "U8"],
] as const)("%s with the arrays of %s is a model", (format, name, names, dtype?: string) => {
  expect(isData(format, name, names, dtype)).toBe(false);
});

it("takes columns of one length for a table, though one has a parameter's name", () => {
  const columns = (names: readonly string[], shape: readonly number[]) =>
    holdsArraysOnly({
      format: "npz",
      name: "model_analysis.npz",
      tensors: names.map((name) => ({ name, dtype: "F32", shape }) as unknown as Tensor),
      metadata: new Map(),
    });
  expect(columns(["time", "theta", "energy"], [1000])).toBe(true);
  expect(columns(["weight", "bias", "scale"], [1000])).toBe(false);
  expect(columns(["theta", "time"], [1000])).toBe(false);
});

it("takes single cells and netCDF for data whatever they are called", () => {
  expect(isData("hdf5", "a.h5ad", ["layers/scale"], "F32", ["encoding-type"])).toBe(true);
  expect(isData("hdf5", "a.nc", ["scale_factor"], "F32", ["_NCProperties"])).toBe(true);
});

it("takes what Keras wrote for a model whatever its layers are called", () => {
  expect(isData("hdf5", "a.h5", ["x/x/y:0"], "F32", ["layer_names"])).toBe(false);
});
