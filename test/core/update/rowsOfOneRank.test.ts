import { expect, test } from "vitest";
import { findAdapter } from "../../../src/core/adapter/adapter";
import type { Tensor } from "../../../src/core/tensors/tensor";
import { rowsOfOneRank } from "../../../src/core/update/rowsOfOneRank";

const rank = 2;

/** Adapters of these outputs; which rows of B have values. */
async function found(
  modules: Readonly<Record<string, number>>,
  has: (row: number, outputs: number, column: number) => boolean,
) {
  const values = new Map<Tensor, Float64Array>();
  const tensors = Object.entries(modules).flatMap(([module, outputs]) =>
    (["A", "B"] as const).map((factor): Tensor => {
      const shape = factor === "A" ? [rank, 8] : [outputs, rank];
      const name = `base_model.model.${module}.lora_${factor}.weight`;
      const tensor = { name, dtype: "F32", shape, byteSize: 8 * outputs } as unknown as Tensor;
      const size = (shape[0] as number) * (shape[1] as number);
      const isSet = (at: number) => factor === "A" || has(Math.floor(at / rank), outputs, at % rank);
      values.set(
        tensor,
        Float64Array.from({ length: size }, (_, at) => (isSet(at) ? at + 1 : 0)),
      );
      return tensor;
    }),
  );
  const { modules: own = [] } = findAdapter(tensors, undefined, new Map()) ?? {};
  const zerosOf = (tensor: Tensor) => values.get(tensor)?.filter((value) => value === 0).length;
  const problems = await rowsOfOneRank(own, zerosOf, async (tensor) => values.get(tensor));
  return problems.map(({ severity, code, message }) => [severity, code, message] as const);
}

const qAndDown = { "layers.0.q_proj": 16, "layers.1.q_proj": 16, "layers.0.down_proj": 10 };

test("rows of one process of several, and zeros for those of the others", async () => {
  const [one, ...more] = await found(qAndDown, (row, outputs) => row < outputs / 2);
  expect(more).toEqual([]);
  expect(one?.slice(0, 2)).toEqual(["error", "OneRankOnly"]);
  expect(one?.[2]).toMatch(/^Every B holds the rows of one of 2 processes.* 8 rows of 16 have values/);
  // Chunks of torch are as long as the first: 10 rows among 4 are 3, 3, 3 and 1.
  expect(await found(qAndDown, (row, outputs) => row < Math.ceil(outputs / 4))).toHaveLength(1);
  expect(await found(qAndDown, (row, outputs) => row >= outputs / 2 && row < outputs)).toHaveLength(1);
});

test.each<[string, Parameters<typeof found>]>([
  ["whole factors", [qAndDown, () => true]],
  ["one module's share alone", [qAndDown, (row, outputs) => outputs !== 16 || row < 8]],
  ["components that were added and not trained", [qAndDown, (_row, _outputs, column) => column === 0]],
  ["rows here and there", [qAndDown, (row) => row % 2 === 0]],
  ["one part of a fused layer", [{ "h.0.attn.c_attn": 24, "h.1.attn.c_attn": 24 }, (row) => row < 8]],
])("%s are not taken for it", async (_, given) => {
  expect(await found(...given)).toEqual([]);
});
