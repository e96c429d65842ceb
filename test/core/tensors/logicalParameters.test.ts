import { describe, expect, test } from "vitest";
import { logicalParameters } from "../../../src/core/tensors/logicalParameters";
import type { PackingHints } from "../../../src/core/tensors/packed/packedWeight";
import { elementCount, type Tensor } from "../../../src/core/tensors/tensor";

function tensor(name: string, dtype: string, shape: readonly number[]): Tensor {
  return { name, dtype, shape, byteSize: elementCount(shape), offset: 0, fileIndex: 0 };
}

type Stored = readonly (readonly [name: string, dtype: string, shape: readonly number[]])[];

/** A linear layer of 64 × 128 weights as each library stores it, by the shapes that its code gives. */
const layers: readonly (readonly [library: string, stored: Stored, hints: PackingHints])[] = [
  [
    "bitsandbytes NF4",
    [
      ["m.weight", "U8", [4096, 1]],
      ["m.weight.absmax", "U8", [128]],
      ["m.weight.quant_map", "F32", [16]],
      ["m.weight.nested_absmax", "F32", [1]],
      ["m.weight.nested_quant_map", "F32", [256]],
      ["m.weight.quant_state.bitsandbytes__nf4", "U8", [150]],
    ],
    {},
  ],
  [
    "latent diffusion, beside its moving average",
    [
      ["model.diffusion_model.weight", "F32", [64, 128]],
      ["model_ema.diffusion_modelweight", "F32", [64, 128]],
      ["model_ema.decay", "F32", []],
      ["model_ema.num_updates", "I64", []],
    ],
    {},
  ],
  [
    "bitsandbytes 8-bit",
    [
      ["m.weight", "I8", [64, 128]],
      ["m.SCB", "F32", [64]],
      ["m.weight_format", "U8", []],
    ],
    {},
  ],
  [
    "GPTQ with 4 bits",
    [
      ["m.qweight", "I32", [16, 64]],
      ["m.qzeros", "I32", [2, 8]],
      ["m.scales", "F16", [2, 64]],
      ["m.g_idx", "I32", [128]],
    ],
    { bits: 4 },
  ],
  [
    "GPTQ with 8 bits and no configuration",
    [
      ["m.qweight", "I32", [32, 64]],
      ["m.qzeros", "I32", [2, 16]],
      ["m.scales", "F16", [2, 64]],
      ["m.g_idx", "I32", [128]],
    ],
    {},
  ],
  [
    "AWQ",
    [
      ["m.qweight", "I32", [128, 8]],
      ["m.qzeros", "I32", [2, 8]],
      ["m.scales", "F16", [2, 64]],
    ],
    {},
  ],
  [
    "MXFP4",
    [
      ["m_blocks", "U8", [64, 4, 16]],
      ["m_scales", "U8", [64, 4]],
    ],
    {},
  ],
  [
    "compressed-tensors, packed",
    [
      ["m.weight_packed", "I32", [64, 16]],
      ["m.weight_scale", "BF16", [64, 1]],
      ["m.weight_shape", "I64", [2]],
    ],
    { bits: 4 },
  ],
  [
    "compressed-tensors NVFP4",
    [
      ["m.weight_packed", "U8", [64, 64]],
      ["m.weight_scale", "F8_E4M3", [64, 8]],
      ["m.weight_global_scale", "F32", [1]],
    ],
    {},
  ],
  [
    "ModelOpt NVFP4",
    [
      ["m.weight", "U8", [64, 64]],
      ["m.weight_scale", "F8_E4M3", [64, 8]],
      ["m.weight_scale_2", "F32", []],
      ["m.input_scale", "F32", []],
    ],
    {},
  ],
  [
    "FP8 with block scales",
    [
      ["m.weight", "F8_E4M3", [64, 128]],
      ["m.weight_scale_inv", "F32", [1, 1]],
    ],
    {},
  ],
  [
    "MLX",
    [
      ["m.weight", "U32", [64, 16]],
      ["m.scales", "F16", [64, 2]],
      ["m.biases", "F16", [64, 2]],
    ],
    { bits: 4 },
  ],
  [
    "MLX of groups of 64",
    [
      ["m.weight", "U32", [64, 24]],
      ["m.scales", "F16", [64, 2]],
      ["m.biases", "F16", [64, 2]],
    ],
    {},
  ],
  [
    "compressed-tensors of 7 bits, whose words hold four codes",
    [
      ["m.weight_packed", "I32", [64, 32]],
      ["m.weight_scale", "BF16", [64, 4]],
      ["m.weight_shape", "I64", [2]],
    ],
    { bits: 7 },
  ],
  [
    "compressed-tensors, sparse by a mask",
    [
      ["m.bitmask", "U8", [64, 16]],
      ["m.compressed", "BF16", [64, 64]],
      ["m.shape", "I64", [2]],
    ],
    {},
  ],
  [
    "compressed-tensors, marlin-24",
    [
      ["m.weight_packed", "I32", [4, 128]],
      ["m.scale_packed", "F16", [1, 64]],
      ["m.meta", "I16", [64, 8]],
    ],
    { bits: 4 },
  ],
  [
    "HQQ of 8 bits, which no configuration says",
    [
      ["m.W_q", "U8", [128, 64]],
      ["m.scale", "F16", [128, 1]],
      ["m.zero", "F16", [128, 1]],
      ["m.shape", "I64", [2]],
    ],
    {},
  ],
  [
    "HQQ of 3 bits across the rows, the last part filled up",
    [
      ["m.W_q", "I32", [7, 128]],
      ["m.scale", "F16", [1, 128]],
      ["m.zero", "F16", [1, 128]],
      ["m.shape", "I64", [2]],
    ],
    { bits: 3, groupSize: 64 },
  ],
  [
    "SVDQuant",
    [
      ["m.qweight", "I8", [64, 64]],
      ["m.wscales", "BF16", [2, 64]],
      ["m.proj_down", "BF16", [128, 32]],
    ],
    {},
  ],
];

describe("the parameters of packed weights", () => {
  test.each(layers)("of %s are the model's, and nothing beside them counts", (_, stored, hints) => {
    const counts = logicalParameters(
      stored.map(([name, dtype, shape]) => tensor(name, dtype, shape)),
      hints,
    );
    expect(counts[0]).toBe(64 * 128);
    expect(counts.slice(1).every((count) => count === 0)).toBe(true);
  });

  test("of plain tensors are their elements, and buffers are none", () => {
    const counts = logicalParameters([
      tensor("m.weight", "F32", [3, 4]),
      tensor("bn.running_mean", "F32", [4]),
      tensor("bn.num_batches_tracked", "I64", []),
      tensor("model.24.anchor_grid", "F32", [3, 1, 3]),
      tensor("model.24.grid.0", "F32", [1, 2]),
      tensor("grid.weight", "F32", [2]),
    ]);
    expect([...counts]).toEqual([12, 0, 0, 0, 0, 2]);
  });

  test("of bytes without scales beside them are what they seem", () => {
    expect([...logicalParameters([tensor("image", "U8", [10])])]).toEqual([10]);
  });
});
