import { expect, test } from "vitest";
import { findAdapter } from "../../../src/core/adapter/adapter";
import { statisticsFrom } from "../../../src/core/analysis/statisticColumns";
import type { Tensor } from "../../../src/core/tensors/tensor";
import { oddFactors } from "../../../src/core/update/oddFactors";

/** Tensors of two factors in each layer, and what their values are like: the largest of each. */
function found(largest: readonly (readonly [a: number, b: number])[]) {
  const stats = new Map<Tensor, number>();
  const tensors = largest.flatMap(([a, b], layer) =>
    (["A", "B"] as const).map((factor): Tensor => {
      const tensor = {
        name: `base_model.model.model.layers.${layer}.self_attn.q_proj.lora_${factor}.weight`,
        dtype: "F32",
        shape: factor === "A" ? [4, 8] : [8, 4],
        byteSize: 128,
      } as unknown as Tensor;
      stats.set(tensor, factor === "A" ? a : b);
      return tensor;
    }),
  );
  const { modules = [] } = findAdapter(tensors, undefined, new Map()) ?? {};
  return oddFactors(modules, (tensor) => {
    const most = stats.get(tensor) ?? 0;
    const of = { min: -most / 2, max: most, absmax: most, mean: most / 9, std: most / 3, l2: most * 2 };
    return statisticsFrom(({ id }) => of[id as keyof typeof of] ?? 0);
  }).map(({ severity, code, message }) => [severity, code, message] as const);
}

test("factors that differ, of the size that training leaves, are not remarked upon", () => {
  expect(
    found([
      [0.3, 0.1],
      [0.3, 0.2],
      [0.4, 0.1],
    ]),
  ).toEqual([]);
  // Without a trained B a module says nothing of its own: that is told elsewhere.
  expect(
    found([
      [0.3, 0],
      [0.3, 0],
    ]),
  ).toEqual([]);
});

test("factors of values beyond 16 bits", () => {
  const [one, ...more] = found([
    [0.3, 0.1],
    [1e25, 0.2],
  ]);
  expect(more).toEqual([]);
  expect(one?.slice(0, 2)).toEqual(["error", "FactorsHuge"]);
  expect(one?.[2]).toContain(
    "layers.1.self_attn.q_proj.lora_A.weight holds values of up to 1e25 (so it is in 1 of 2 modules)",
  );
});

test("one layer's factors in two", () => {
  const [one, ...more] = found([
    [0.3, 0.1],
    [0.4, 0.2],
    [0.3, 0.1],
  ]);
  expect(more).toEqual([]);
  expect(one?.slice(0, 2)).toEqual(["warning", "RepeatedFactors"]);
  expect(one?.[2]).toContain(
    "model.layers.2.self_attn.q_proj has the very factors of model.layers.0.self_attn",
  );
});
