import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { measureTensor } from "../../../src/core/analysis/measureTensor";
import { PlainKernels } from "../../../src/core/analysis/plainKernels";
import { MemoryByteSource } from "../../../src/core/bytes/byteSource";
import { readCheckpointFile } from "../../../src/core/formats/readFile";
import { decodeTensor } from "../../../src/core/tensors/decode";
import { type PackingHints, rowsOf } from "../../../src/core/tensors/packed/packedWeight";
import { findPackedCodes, PackedWeights } from "../../../src/core/tensors/packed/packedWeights";
import type { ReadTensorRange } from "../../../src/core/tensors/readTensorRange";
import { elementCount, type Tensor } from "../../../src/core/tensors/tensor";
import { projectRoot } from "../../support/projectRoot";

const folder = join(projectRoot, "test/fixtures/packed");

async function open(
  name: string,
): Promise<{ readonly tensors: readonly Tensor[]; readonly read: ReadTensorRange }> {
  const bytes = new Uint8Array(readFileSync(join(folder, name)));
  const { tensors } = await readCheckpointFile(new MemoryByteSource(bytes), name, name);
  const read: ReadTensorRange = async (tensor, offset, length) =>
    bytes.subarray(tensor.offset + offset, tensor.offset + offset + length);
  return { tensors, read };
}

const weights = await open("weights.safetensors");
const values = await open("values.safetensors");
const packed = new PackedWeights(weights.tensors, {});
const unpacked = await Promise.all(packed.codes().map((tensor) => packed.of(tensor, weights.read)));

async function expected(tensor: Tensor): Promise<Float32Array> {
  const bytes = await values.read(tensor, 0, tensor.byteSize);
  return Float32Array.from(decodeTensor(bytes, "F32", elementCount(tensor.shape)));
}

/** Codes of three rows, and what torch 2.13 dequantises them to. */
const quantised = [
  [
    "QUINT8",
    [0, 7, 255, 1, 100, 200, 9, 9, 8],
    Float64Array.of(0.1, 1 / 3, 2),
    Float64Array.of(3, 100, 9),
    [-0.30000001192092896, 0.4000000059604645, 25.200000762939453, -33, 0, 33.33333206176758, 0, 0, -2],
  ],
  [
    "QUINT4x2",
    [64, 184, 131, 151, 1],
    Float32Array.of(0.3, 0.1, 0.7),
    Float32Array.of(0.25, 1.1, 0),
    [
      -0.07500000298023224, 1.125, 2.325000047683716, 0.9899999499320984, 0.1899999976158142,
      0.6899999976158142, 4.900000095367432, 6.299999713897705, 0.699999988079071,
    ],
  ],
  [
    "QUINT2x4",
    [252, 255, 1],
    Float32Array.of(0.3, 0.1, 0.7),
    Float32Array.of(0.25, 1.1, 0),
    [
      -0.07500000298023224, 0.8250000476837158, 0.8250000476837158, 0.1899999976158142, 0.1899999976158142,
      0.1899999976158142, 2.0999999046325684, 2.0999999046325684, 0.699999988079071,
    ],
  ],
] as const;

test.each(quantised)(
  "%s with a scale for each row has torch's values",
  async (dtype, codes, scales, zeros, wanted) => {
    const parts = [Uint8Array.from(codes), ...[scales, zeros].map(({ buffer }) => new Uint8Array(buffer))];
    const [weight, ...grids] = parts.map((data, at): Tensor => {
      const shape = at === 0 ? [3, 3] : [3];
      const gridDtype = scales instanceof Float64Array ? "F64" : "F32";
      return {
        name: `${at}`,
        dtype: at === 0 ? dtype : gridDtype,
        shape,
        byteSize: data.length,
        offset: 0,
        fileIndex: 0,
      };
    }) as [Tensor, Tensor, Tensor];
    const [ofScales, ofZeros] = grids as [Tensor, Tensor];
    const quantisation = { scheme: "per-channel", axis: 0, scales: ofScales, zeroPoints: ofZeros } as const;
    const tensor = { ...weight, layout: { quantisation } } as unknown as Tensor;
    const read: ReadTensorRange = async ({ name }, offset, length) =>
      (parts[Number(name)] as Uint8Array).subarray(offset, offset + length);
    const values = Float32Array.from(wanted);
    const found = await new PackedWeights([tensor], {}).of(tensor, read);
    expect(await found?.readRows(0, 3, read)).toEqual(values);
    expect(await found?.readRows(1, 1, read)).toEqual(values.subarray(3, 6));
    const numbers = await measureTensor(tensor, read, new PlainKernels());
    expect(numbers?.statistics).toMatchObject({ min: Math.min(...values), max: Math.max(...values) });
    expect(numbers?.histogram?.counts.reduce((sum, count) => sum + count)).toBe(9);
  },
);

describe("packed weights", () => {
  test("are all found, each once", () => {
    expect(unpacked.map((weight) => weight?.name).sort()).toEqual(
      values.tensors.map(({ name }) => name).sort(),
    );
  });

  test.each(values.tensors.map((tensor) => [tensor.name, tensor] as const))(
    "%s has the shape and the values that numpy computes",
    async (name, tensor) => {
      const weight = unpacked.find((each) => each?.name === name);
      if (weight === undefined) throw new Error(`no ${name}`);
      expect(weight.shape).toEqual(tensor.shape);
      const { rows, columns } = rowsOf(weight.shape);
      const all = await expected(tensor);
      expect(await weight.readRows(0, rows, weights.read)).toEqual(all);
      // Rows in the middle, whose first value lies in the middle of a byte or a block.
      for (const first of [1, rows - 1])
        expect(await weight.readRows(first, 1, weights.read)).toEqual(
          all.subarray(first * columns, (first + 1) * columns),
        );
    },
  );

  test("say how they are packed", () => {
    const scheme = (name: string) => unpacked.find((each) => each?.name === name)?.scheme;
    expect(scheme("nf.nested.weight")).toBe("NF4, blocks of 64, scales quantised too");
    expect(scheme("g8.weight")).toBe("GPTQ, 8 bits, groups of 16");
    expect(scheme("awq.weight")).toBe("AWQ, 4 bits, groups of 16");
    expect(scheme("ds.weight")).toBe("FP8 E4M3, a scale for 128 × 128");
    expect(scheme("mlx3.weight")).toBe("MLX, 3 bits, groups of 64");
  });

  test("are not unpacked where what lies beside them does not fit", async () => {
    const cut = weights.tensors.map((tensor) =>
      /absmax|SCB|scales?$|weight_scale|scale_inv$|_scales$/.test(tensor.name)
        ? { ...tensor, shape: [7, 5] }
        : tensor,
    );
    const broken = new PackedWeights(cut, {});
    const found = await Promise.all(broken.codes().map((tensor) => broken.of(tensor, weights.read)));
    expect(found.filter((weight) => weight !== undefined).map(({ name }) => name)).toEqual([]);
  });

  test("are read with the reader of the day: that by which they were found may be closed", async () => {
    let isClosed = false;
    const once: ReadTensorRange = (tensor, offset, length) => {
      if (isClosed) throw new Error("closed");
      return weights.read(tensor, offset, length);
    };
    const found = await Promise.all(packed.codes().map((tensor) => packed.of(tensor, once)));
    isClosed = true;
    for (const weight of found) await weight?.readRows(0, 1, weights.read);
  });

  const other = /of another layout, or of another size/;
  const number = (value: number) => new Uint8Array(Float32Array.of(value).buffer);
  const lengths = (...sizes: number[]) => new Uint8Array(BigInt64Array.from(sizes, BigInt).buffer);
  type Part = readonly [name: string, dtype: string, shape: readonly number[], bytes?: Uint8Array];
  const mlx: Part[] = [
    ["w.weight", "U32", [4, 16]],
    ["w.scales", "F16", [4, 4]],
    ["w.biases", "F16", [4, 4]],
  ];
  const gptq: Part[] = [
    ["w.qweight", "I32", [26, 16]],
    ["w.qzeros", "I32", [3, 2]],
    ["w.scales", "F16", [3, 16]],
  ];
  const nvfp4 = (whole: number): Part[] => [
    ["w.weight", "U8", [4, 16]],
    ["w.weight_scale", "F8_E4M3", [4, 2]],
    ["w.weight_scale_2", "F32", [], number(whole)],
  ];
  const integers: Part[] = [
    ["w.weight_packed", "I32", [4, 8]],
    ["w.weight_scale", "F16", [4, 2]],
    ["w.weight_shape", "I64", [2], lengths(4, 64)],
  ];
  const fp8 = (shape: readonly number[], scale: readonly number[]): Part[] => [
    ["w.weight", "F8_E4M3", shape],
    ["w.weight_scale", "F32", scale],
  ];
  const int4: Part[] = [
    ["w._weight_qdata", "I8", [64, 64]],
    ["w._weight_scale", "F32", [4, 64]],
    ["w._weight_zero_point", "F32", [4, 64]],
  ];
  const int8Blocks: Part[] = [
    ["w._weight_qdata", "I8", [64, 1024]],
    ["w._weight_scale", "F32", [4, 64]],
    ["w._weight_zero_point", "I8", [4, 64]],
  ];
  const group64 = { bits: 4, groupSize: 64 };
  test.each<[string, Part[], PackingHints, string | RegExp]>([
    ["MLX, as the configuration says", mlx, { bits: 4, groupSize: 32 }, "MLX, 4 bits, groups of 32"],
    ["MLX, other than it says", mlx, group64, "says 4 bits in groups of 64, the shapes say 128 bits a group"],
    [
      "MLX, said of the module",
      mlx,
      { ...group64, modules: new Map([["w", { bits: 2, groupSize: 64 }]]) },
      "MLX, 2 bits, groups of 64",
    ],
    ["GPTQ, whose groups do not divide the inputs", gptq, {}, other],
    ["GPTQ, whose groups the configuration says", gptq, { groupSize: 80 }, "GPTQ, 4 bits, groups of 80"],
    ["GPTQ of other bits than said", gptq, { bits: 8, groupSize: 80 }, "GPTQ, 4 bits, groups of 80"],
    ["NVFP4", nvfp4(0.5), {}, "NVFP4, groups of 16"],
    ["NVFP4 with a scale of zero", nvfp4(0), {}, '"w.weight_scale_2", the scale of the whole tensor, is 0.'],
    ["NVFP4 with a scale of NaN", nvfp4(Number.NaN), {}, "the scale of the whole tensor, is NaN."],
    ["integers of other bits than said", integers, { bits: 8 }, "says 8 bits, the shapes say 4"],
    ["integers in an order", [...integers, ["w.weight_g_idx", "I32", [64]]], {}, "weight_g_idx"],
    ["FP8 of experts, a scale a row", fp8([2, 64, 64], [2, 64]), {}, "FP8 E4M3, a scale a row"],
    ["FP8 of experts, whose blocks would reach into the next", fp8([2, 200, 128], [2, 2, 1]), {}, other],
    ["FP8 with scales for half of the rows", fp8([64, 32], [32]), {}, other],
    ["torchao INT4 whose rows its groups divide", int4, {}, "torchao INT4, groups of 32"],
    ["torchao INT8 in blocks", int8Blocks, {}, "torchao INT8, groups of 16 × 16"],
    ["FP8 in blocks, the last cut", fp8([192, 200], [2, 2]), {}, "FP8 E4M3, a scale for 128 × 128"],
  ])("of %s: their scheme, or why not", async (_, parts, hints, told) => {
    const tensors = parts.map(([name, dtype, shape]): Tensor => {
      const bits = { F8_E4M3: 8, I8: 8, U8: 8, F16: 16, I64: 64 }[dtype] ?? 32;
      return { name, dtype, shape, byteSize: (elementCount(shape) * bits) / 8, offset: 0, fileIndex: 0 };
    });
    const read: ReadTensorRange = async ({ name }, _, length) =>
      parts.find(([each]) => each === name)?.[3] ?? new Uint8Array(length);
    const { weights, unknown } = await findPackedCodes(tensors, hints, read);
    expect(weights.size + unknown.size).toBe(1);
    const [found] = [...[...weights.values()].map(({ scheme }) => scheme), ...unknown.values()];
    expect(found).toMatch(told);
    const isScheme = typeof told === "string" && /^(MLX|GPTQ|NVFP4|FP8|torchao)/.test(told);
    expect(weights.size).toBe(isScheme ? 1 : 0);
  });

  test("of GPTQ with groups that are not there are refused", async () => {
    const read: ReadTensorRange = async (tensor, offset, length) => {
      const bytes = await weights.read(tensor, offset, length);
      return tensor.name === "g8.g_idx" ? bytes.slice().fill(9) : bytes;
    };
    const weight = unpacked.find((each) => each?.name === "g8.weight");
    // What was read before is kept: another object.
    const codes = weights.tensors.find(({ name }) => name === "g8.qweight") as Tensor;
    const fresh = await packed.of(codes, read);
    expect(weight).toBeDefined();
    await expect(fresh?.readRows(0, 1, read)).rejects.toThrow("g8.g_idx");
  });
});
