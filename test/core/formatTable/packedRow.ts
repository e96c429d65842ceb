import { expect } from "vitest";
import type { ReadTensorRange } from "../../../src/core/tensors/readTensorRange";
import { readAllValues } from "../../../src/core/tensors/readValues";
import { elementCount, type Tensor } from "../../../src/core/tensors/tensor";
import { heatMap } from "../../../src/core/values/heatMap";
import { firstSlice } from "../../../src/core/values/tensorSlice";
import { safetensorsFile, type TensorSpec } from "../../support/made/safetensorsFile";
import { MemoryFiles } from "../../support/memoryFiles";
import type { FormatRow } from "./formatRow";
import { fixtureBytes, isReadAlike, oneFile, open } from "./proof";

const weights = () => oneFile("packed/weights.safetensors");
const path = "/f/weights.safetensors";

/** The values that numpy computes of the codes by each scheme's definition. */
async function holdsScheme(pattern: RegExp): Promise<void> {
  const session = await open(weights(), path);
  const truth = await open(
    new MemoryFiles({ "/f/values.safetensors": fixtureBytes("packed/values.safetensors") }),
    "/f/values.safetensors",
  );
  const [reader, ofTruth] = [session.tensorReader(), truth.tensorReader()];
  const found = (await session.weights()).filter(
    ({ packed }) => packed !== undefined && pattern.test(packed.scheme),
  );
  expect(found.length, `${pattern}`).toBeGreaterThan(0);
  for (const tensor of found) {
    const wanted = truth.checkpoint.tensors.find(({ name }) => name === tensor.name) as Tensor;
    expect(tensor.shape, tensor.name).toEqual(wanted.shape);
    expect(Buffer.compare(await reader.read(tensor), await ofTruth.read(wanted)), tensor.name).toBe(0);
  }
  await reader.close();
  await ofTruth.close();
}

/** What torch itself computes of its own quantised tensors is in the fixture; here their kinds. */
async function holdsTorchOwn(): Promise<void> {
  const session = await open(oneFile("torch/quantized.pt"), "/f/quantized.pt");
  const reader = session.tensorReader();
  for (const tensor of session.checkpoint.tensors) {
    const weight = await session.packedWeight(tensor);
    const rows = elementCount(tensor.shape.slice(0, -1));
    const values = await weight?.readRows(0, rows, (...range) => reader.readRange(...range));
    expect(values, tensor.name).toHaveLength(elementCount(tensor.shape));
  }
  await reader.close();
}

/** The largest magnitude of each cell, and so of all of them, is that of the values and not of the codes. */
async function mapIsOfValues(): Promise<void> {
  const session = await open(weights(), path);
  const reader = session.tensorReader();
  const tensor = (await session.weights()).find(({ name }) => name === "awq.weight") as Tensor;
  const [rows = 0, columns = 0] = tensor.shape;
  const read: ReadTensorRange = (...range) => reader.readRange(...range);
  const whole = { row: 0, column: 0, rows, columns };
  const { absMax } = await heatMap(tensor, firstSlice(tensor.shape), whole, read, () => undefined);
  const values = await readAllValues(tensor, read);
  expect(Math.max(...absMax)).toBeCloseTo(Math.max(...values.map(Math.abs)), 5);
  await reader.close();
}

async function codesOnRequest(): Promise<void> {
  const { checkpoint } = await open(weights(), path);
  const codes = checkpoint.tensors.find(({ name }) => name === "g8.qweight");
  expect(codes).toMatchObject({ dtype: "I32" });
}

/** No scale, map or zero point is listed beside the weights that they belong to. */
async function scalesBelong(): Promise<void> {
  const session = await open(weights(), path);
  const listed = await session.weights();
  const belonging = new Set(listed.flatMap(({ packed }) => packed?.stored ?? []));
  expect(belonging.size).toBeGreaterThan(listed.length);
  expect(listed.filter((tensor) => belonging.has(tensor)).map(({ name }) => name)).toEqual([]);
}

/** Codes that are named for what they are, and left as they are stored. */
const named = (reason: RegExp, ...tensors: readonly TensorSpec[]) => {
  const files = new MemoryFiles({ "/f/m.safetensors": safetensorsFile({ tensors }) });
  return async () => {
    const session = await open(files, "/f/m.safetensors");
    const [problem] = (await session.health()).filter(({ code }) => code === "NotDequantised");
    expect(problem?.message).toMatch(reason);
    const [codes] = tensors;
    const shown = (await session.weights()).find(({ name }) => name === codes?.name);
    expect(shown).toMatchObject({ dtype: codes?.dtype, shape: codes?.shape });
  };
};
const spec = (name: string, dtype: string, shape: readonly number[]): TensorSpec => ({ name, dtype, shape });
const tiled = named(
  /torchao's tiled layout/,
  spec("w.tensor_impl.packed_weight", "I32", [4, 8]),
  spec("w.tensor_impl.scale_and_zero", "BF16", [4, 2]),
);
const ordered = named(
  /weight_g_idx/,
  spec("w.weight_packed", "I32", [4, 8]),
  spec("w.weight_scale", "F16", [4, 2]),
  spec("w.weight_shape", "I64", [2]),
  spec("w.weight_g_idx", "I32", [64]),
);
const sparse = named(
  /sparse weight/,
  spec("w.bitmask", "U8", [4, 8]),
  spec("w.compressed", "F16", [4, 32]),
  spec("w.shape", "I64", [2]),
);
const marlin = named(
  /Marlin/,
  spec("w.weight_packed", "I32", [4, 8]),
  spec("w.scale_packed", "F16", [1, 64]),
);
const vptq = named(/VPTQ/, spec("w.indices", "I32", [4, 8]), spec("w.centroids.weight", "F16", [4, 2]));
const svd = named(/SVDQuant/, spec("w.qweight", "I8", [4, 8]), spec("w.wscales", "F16", [4, 2]));
const exl2 = named(/EXL2/, spec("w.q_weight", "I32", [4, 8]), spec("w.q_scale", "I32", [4, 2]));
const exl3 = named(/EXL3/, spec("w.trellis", "I16", [4, 8]), spec("w.suh", "F16", [4]));

export const packedRow: FormatRow = {
  alike: [[weights, path, "F32"]],
  proofs: {
    format: {
      bitsandbytes: () => holdsScheme(/^(?:NF4|FP4, blocks|LLM\.int8)/),
      GPTQ: () => holdsScheme(/^GPTQ/),
      AWQ: () => holdsScheme(/^AWQ/),
      HQQ: () => holdsScheme(/^HQQ/),
      MXFP4: () => holdsScheme(/^MXFP4/),
      NVFP4: () => holdsScheme(/^NVFP4/),
      "FP8 with scales": () => holdsScheme(/^FP8/),
      MLX: () => holdsScheme(/^MLX/),
      "compressed-tensors": () => holdsScheme(/^INT\d, groups/),
      AQLM: () => holdsScheme(/^AQLM/),
      torchao: () => holdsScheme(/^torchao/),
      "torch's own": holdsTorchOwn,
    },
    read: {
      values: () => holdsScheme(/./),
      statistics: () => isReadAlike(weights(), path, "F32"),
      "heat map": mapIsOfValues,
      "or stored codes": codesOnRequest,
    },
    joined: { "scales and zero points with their codes": scalesBelong },
    not: {
      VPTQ: vptq,
      SVDQuant: svd,
      "EXL2 and EXL3": async () => {
        await exl2();
        await exl3();
      },
      "torchao's tiled layouts": tiled,
      "compressed-tensors with `weight_g_idx`": ordered,
      "its sparse layouts": sparse,
      Marlin: marlin,
      named: tiled,
      "not unpacked": tiled,
    },
  },
};
