import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { MemoryByteSource } from "../../../src/core/bytes/byteSource";
import { readCheckpointFile } from "../../../src/core/formats/readFile";
import { decodeTensor } from "../../../src/core/tensors/decode";
import { rowsOf } from "../../../src/core/tensors/packed/packedWeight";
import { PackedWeights } from "../../../src/core/tensors/packed/packedWeights";
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
      /absmax|SCB|scales?$|weight_scale|_scales$/.test(tensor.name) ? { ...tensor, shape: [7, 5] } : tensor,
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
