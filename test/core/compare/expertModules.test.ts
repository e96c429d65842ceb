import { expect, it } from "vitest";
import { Comparison } from "../../../src/core/compare/comparison";
import { createMatrix, type Matrix, transpose } from "../../../src/core/linalg/matrix";
import { MemoryFiles } from "../../support/memoryFiles";
import { type MemoryTensor, writeAdapterFolder, writeTensors } from "../adapter/memoryAdapters";
import { randomMatrix } from "../linalg/matrices";

const experts = 3;
const rank = 2;
const [inputs, outputs] = [8, 6];
const path = "model.layers.0.mlp.experts";

/** Of one expert: A is shared by gate and up, whose rows of B lie one below the other. */
const a = (expert: number) => randomMatrix(rank, inputs, 10 * expert + 1);
const b = (expert: number) => randomMatrix(2 * outputs, rank, 10 * expert + 2);
const downA = (expert: number) => randomMatrix(rank, outputs, 10 * expert + 3);
const downB = (expert: number) => randomMatrix(inputs, rank, 10 * expert + 4);
const rows = ({ cols, data }: Matrix, from: number, to: number) =>
  createMatrix(to - from, cols, data.slice(from * cols, to * cols));

const all = Array.from({ length: experts }, (_, expert) => expert);
const joined = (name: string, shape: readonly number[], matrices: readonly Matrix[]): MemoryTensor => ({
  name: `base_model.model.${name}`,
  shape,
  values: Float64Array.from(matrices.flatMap(({ data }) => [...data])),
});

/** PEFT's B of fused experts: [out, r·E], the experts innermost. */
function interleaved(of: (expert: number) => Matrix): Matrix {
  const { rows: height } = of(0);
  const values = Array.from({ length: height * rank * experts }, (_, at) => {
    const [cell, expert] = [Math.floor(at / experts), at % experts];
    return of(expert).data[cell] as number;
  });
  return createMatrix(height, rank * experts, Float64Array.from(values));
}

function files(): MemoryFiles {
  const found = new MemoryFiles();
  const single = Object.fromEntries(
    all.flatMap((expert) => [
      [`${path}.${expert}.gate_proj`, { a: a(expert), b: rows(b(expert), 0, outputs) }],
      [`${path}.${expert}.up_proj`, { a: a(expert), b: rows(b(expert), outputs, 2 * outputs) }],
      [`${path}.${expert}.down_proj`, { a: downA(expert), b: downB(expert) }],
    ]),
  );
  writeAdapterFolder(found, "/single", single);
  writeAdapterFolder(found, "/stacked", {}, { r: rank, lora_alpha: rank }, [
    joined(`${path}.gate_up_proj.lora_A.weight`, [experts, rank, inputs], all.map(a)),
    joined(`${path}.gate_up_proj.lora_B.weight`, [experts, 2 * outputs, rank], all.map(b)),
    joined(`${path}.down_proj.lora_A.weight`, [experts, rank, outputs], all.map(downA)),
    joined(`${path}.down_proj.lora_B.weight`, [experts, inputs, rank], all.map(downB)),
  ]);
  const parameters = ["mlp.experts.gate_up_proj", "mlp.experts.down_proj"];
  writeAdapterFolder(found, "/fused", {}, { r: rank, lora_alpha: rank, target_parameters: parameters }, [
    joined(`${path}.base_layer.lora_A.weight`, [experts * rank, inputs], all.map(a)),
    joined(`${path}.base_layer.lora_B.weight`, [2 * outputs, rank * experts], [interleaved(b)]),
    joined(`${path}.lora_A.weight`, [experts * rank, outputs], all.map(downA)),
    joined(`${path}.lora_B.weight`, [inputs, rank * experts], [interleaved(downB)]),
  ]);
  writeTensors(found, "/grouped/adapter_model.safetensors", [
    {
      name: "layers.0.mlp.experts.lora_down_a",
      shape: [experts, outputs, rank],
      values: Float64Array.from(all.flatMap((expert) => [...transpose(downA(expert)).data])),
    },
    {
      name: "layers.0.mlp.experts.lora_down_b",
      shape: [experts, rank, inputs],
      values: Float64Array.from(all.flatMap((expert) => [...transpose(downB(expert)).data])),
    },
  ]);
  found.write(
    "/grouped/adapter_config.json",
    JSON.stringify({ peft_type: "LORA", r: rank, lora_alpha: rank }),
  );
  return found;
}

it.each([
  ["/stacked", 9],
  ["/fused", 9],
  ["/grouped", 3],
])(
  "the experts of %s are compared one by one with those that are modules of their own",
  async (other, count) => {
    for (const order of [
      ["/single", other],
      [other, "/single"],
    ]) {
      const { view } = await Comparison.compute(files(), order, () => undefined);
      const pairs = view.modules.filter(({ cells }) => cells.every((cell) => cell !== null));
      expect(pairs).toHaveLength(count);
      for (const { cells } of pairs) {
        expect(cells[1]?.relativeChange).toBeLessThan(1e-12);
        expect(cells[1]?.cosine).toBeCloseTo(1, 12);
      }
      expect(view.problems.map(({ message }) => message).join(" ")).toContain("one by one");
    }
  },
);
