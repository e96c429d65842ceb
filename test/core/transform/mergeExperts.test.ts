import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { fitForPeft } from "../../../src/core/base/baseFit";
import { merge } from "../../../src/core/transform/model/merge";
import { verifyMerge } from "../../../src/core/transform/model/verifyMerge";
import { nodeFiles } from "../../../src/worker/nodeFiles";
import { nodeSink } from "../../../src/worker/nodeSink";
import { openSession, type TensorData, valuesOf, writeTensors } from "../../support/made/tensorFiles";

const folder = mkdtempSync(join(tmpdir(), "merge-experts-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const [experts, rank, hidden, inner, scale] = [3, 2, 4, 5, 2];
type Values = (...at: number[]) => number;

function tensor(name: string, shape: readonly number[], value: Values): TensorData {
  const count = shape.reduce((product, size) => product * size, 1);
  const values = Float32Array.from({ length: count }, (_, at) => {
    const places = shape.map((size, axis) => {
      const inside = shape.slice(axis + 1).reduce((product, each) => product * each, 1);
      return Math.floor(at / inside) % size;
    });
    return value(...places);
  });
  return { name, dtype: "F32", shape, data: new Uint8Array(values.buffer) };
}

// The definition: of expert e, in whole numbers. Gate lies above up.
const downA = (e = 0, k = 0, i = 0) => ((e + 2 * k + i) % 5) - 2;
const downB = (e = 0, o = 0, k = 0) => ((3 * e + o + k) % 4) - 1;
const upA = (e = 0, k = 0, i = 0) => ((2 * e + k + 3 * i) % 7) - 3;
const upB = (e = 0, o = 0, k = 0) => ((e + 2 * o + k) % 3) - 1;
const change = (a: Values, b: Values) => (e: number, o: number, i: number) =>
  scale * Array.from({ length: rank }, (_, k) => b(e, o, k) * a(e, k, i)).reduce((sum, each) => sum + each);
const [downChange, upChange] = [change(downA, downB), change(upA, upB)];

const layer = "model.layers.0";
const path = `${layer}.mlp.experts`;
const each = <T>(of: (e: number) => readonly T[]) => Array.from({ length: experts }, (_, e) => of(e)).flat();

type Change = (e: number, o: number, i: number) => number;
const none: Change = () => 0;
const fusedModel = (down: Change, up: Change) => [
  tensor(`${path}.gate_up_proj`, [experts, 2 * inner, hidden], (e = 0, o = 0, i = 0) => o + up(e, o, i)),
  tensor(`${path}.down_proj`, [experts, hidden, inner], (e = 0, o = 0, i = 0) => i + down(e, o, i)),
];
const singleModel =
  (of: string, [gate, high, low]: readonly string[]) =>
  (down: Change, up: Change) =>
    each((e) => [
      tensor(`${of}.${e}.${gate}.weight`, [inner, hidden], (o = 0, i = 0) => o + up(e, o, i)),
      tensor(`${of}.${e}.${high}.weight`, [inner, hidden], (o = 0, i = 0) => o + inner + up(e, o + inner, i)),
      tensor(`${of}.${e}.${low}.weight`, [hidden, inner], (o = 0, i = 0) => i + down(e, o, i)),
    ]);
const names = ["gate_proj", "up_proj", "down_proj"];
const models = {
  "as transformers 5": fusedModel,
  "one by one": singleModel(path, names),
  "as Mixtral's files": singleModel(`${layer}.block_sparse_moe.experts`, ["w1", "w3", "w2"]),
};

const p = `base_model.model.${path}`;
/** PEFT's A has the experts outermost; where in B the column k of expert e is differs. */
const fusedPair = (
  name: string,
  a: Values,
  b: Values,
  sizes: number[],
  at: (e: number, k: number) => number,
) => {
  const [inputs = 0, outputs = 0] = sizes;
  const columns = each((e) => Array.from({ length: rank }, (_, k) => [at(e, k), e, k] as const));
  const of = new Map(columns.map(([column, e, k]) => [column, [e, k] as const]));
  return [
    tensor(`${name}.lora_A.weight`, [experts * rank, inputs], (row = 0, i = 0) =>
      a(Math.floor(row / rank), row % rank, i),
    ),
    tensor(`${name}.lora_B.weight`, [outputs, rank * experts], (o = 0, column = 0) => {
      const [e = 0, k = 0] = of.get(column) ?? [];
      return b(e, o, k);
    }),
  ];
};
const peftColumn = (e: number, k: number) => k * experts + e;
const unslothColumn = (e: number, k: number) => e * rank + k;
const fused = (at: (e: number, k: number) => number) => [
  ...fusedPair(`${p}.base_layer`, upA, upB, [hidden, 2 * inner], at),
  ...fusedPair(p, downA, downB, [inner, hidden], at),
];
/** PEFT before 0.19.1 took the first axis of an expert for its inputs. */
const swapped = [
  ...fusedPair(
    `${p}.base_layer`,
    (e = 0, k = 0, o = 0) => upB(e, o, k),
    (e = 0, i = 0, k = 0) => upA(e, k, i),
    [2 * inner, hidden],
    peftColumn,
  ),
  ...fusedPair(
    p,
    (e = 0, k = 0, o = 0) => downB(e, o, k),
    (e = 0, i = 0, k = 0) => downA(e, k, i),
    [hidden, inner],
    peftColumn,
  ),
];
const single = (of: string, [gate, high, low]: readonly string[]) =>
  each((e) =>
    (
      [
        [gate, upA, upB, hidden, inner, 0],
        [high, upA, upB, hidden, inner, inner],
        [low, downA, downB, inner, hidden, 0],
      ] as const
    ).flatMap(([name, a, b, inputs, outputs, first]) => [
      tensor(`base_model.model.${of}.${e}.${name}.lora_A.weight`, [rank, inputs], (k = 0, i = 0) =>
        a(e, k, i),
      ),
      tensor(`base_model.model.${of}.${e}.${name}.lora_B.weight`, [outputs, rank], (o = 0, k = 0) =>
        b(e, o + first, k),
      ),
    ]),
  );

const parameters = { target_parameters: ["mlp.experts.gate_up_proj", "mlp.experts.down_proj"] };
const ofUnsloth = { ...parameters, auto_mapping: { unsloth_fixed: true } };
const adapters: Readonly<Record<string, readonly [readonly TensorData[], object]>> = {
  "PEFT's of all experts": [fused(peftColumn), parameters],
  "PEFT's of before 0.19.1": [swapped, parameters],
  "unsloth's, which says its order": [
    fused(unslothColumn),
    { ...ofUnsloth, lora_B_layout: "grouped_by_expert" },
  ],
  "unsloth's, which says PEFT's order": [fused(peftColumn), { ...ofUnsloth, lora_B_layout: "rank_major" }],
  "one for each expert": [single(path, names), {}],
  "one for each of Mixtral's": [single(`${layer}.block_sparse_moe.experts`, ["w1", "w3", "w2"]), {}],
};

function written(name: string, tensors: readonly TensorData[], config?: object): string {
  const [file, about] =
    config === undefined
      ? ["model.safetensors", "config.json"]
      : ["adapter_model.safetensors", "adapter_config.json"];
  writeTensors(join(folder, name, file), tensors);
  const lora = { peft_type: "LORA", r: rank, lora_alpha: rank * scale };
  const model = { model_type: "mixtral", architectures: ["MixtralForCausalLM"] };
  writeFileSync(
    join(folder, name, about),
    JSON.stringify(config === undefined ? model : { ...lora, ...config }),
  );
  return join(folder, name);
}

const cases = Object.keys(models).flatMap((model) =>
  Object.keys(adapters).map((adapter) => [adapter, model] as const),
);

it.each(cases)("an adapter of experts, %s, is merged into a base that keeps them %s", async (which, kept) => {
  const model = models[kept as keyof typeof models];
  const [tensors, config] = adapters[which] as (typeof adapters)[string];
  const [base, adapter] = await Promise.all(
    [written(`base-${kept}`, model(none, none)), written(`adapter-${which}`, tensors, config)].map(
      openSession,
    ),
  );
  const { path: out } = await merge({
    ...{ files: nodeFiles, sink: nodeSink, path: join(folder, `${which}-${kept}`), replace: false },
    ...{ maxShardBytes: 5e9, toolVersion: "1", now: new Date(0), base: base as NonNullable<typeof base> },
    adapters: [{ session: adapter as NonNullable<typeof adapter>, weight: 1 }],
  });
  const values = await valuesOf(out);
  const wanted = await valuesOf(written(`wanted-${kept}`, model(downChange, upChange)));
  expect(Object.fromEntries(values)).toEqual(Object.fromEntries(wanted));
  const verified = await verifyMerge({
    merged: await openSession(out),
    base: base as NonNullable<typeof base>,
    adapters: [{ session: adapter as NonNullable<typeof adapter>, weight: 1 }],
  });
  expect(verified.isMerged).toBe(true);
});

it.each([
  ["PEFT's of all experts", "one by one", [], "BaseFits"],
  ["PEFT's of all experts", "as Mixtral's files", [], "BaseFits"],
  ["one for each expert", "as transformers 5", [], "BaseExpertsFused"],
  ["PEFT's of all experts", "one by one", [`${path}.3.gate_proj.weight`], "BaseShapes"],
])("%s over a base that keeps experts %s, with %j besides: %s", async (which, kept, more, code) => {
  const [tensors, config] = adapters[which] as (typeof adapters)[string];
  const model = models[kept as keyof typeof models](none, none);
  const others = more.map((name) => tensor(name, [inner, hidden], () => 1));
  const base = written(`fit-base-${more.length}-${kept}`, [...model, ...others]);
  const [from, session] = await Promise.all(
    [base, written(`fit-${which}`, tensors, config)].map(openSession),
  );
  const found = fitForPeft(session as NonNullable<typeof session>, from as NonNullable<typeof from>);
  expect(found.map((problem) => problem.code)).toEqual([code]);
});

it("an adapter of unsloth that does not say the order of its experts is warned of, and not merged", async () => {
  const session = await openSession(written("untold", fused(peftColumn), ofUnsloth));
  expect(session.adapter?.problems.find(({ code }) => code === "ExpertOrder")?.severity).toBe("warning");
  const base = await openSession(written("untold-base", fusedModel(none, none)));
  const request = { path: join(folder, "never"), replace: false, maxShardBytes: 5e9, base };
  const merging = merge({
    ...{ files: nodeFiles, sink: nodeSink, toolVersion: "1", now: new Date(0), ...request },
    adapters: [{ session, weight: 1 }],
  });
  await expect(merging).rejects.toMatchObject({ code: "NotMergeable", message: /lora_B_layout/ });
});
