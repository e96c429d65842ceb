import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import type { FileContent } from "../../../src/core/formats/format";
import { dequantiseBlockwise } from "../../../src/core/optimizer/dequantise";
import { modelParameters } from "../../../src/core/optimizer/modelParameters";
import { nameParameters } from "../../../src/core/optimizer/nameParameters";
import { type OptimizerState, optimizerStates } from "../../../src/core/optimizer/optimizerState";
import { compareParameterNames } from "../../../src/core/optimizer/parameterOrder";
import type { Tensor } from "../../../src/core/tensors/tensor";
import { text } from "../formats/pickle/latin1";
import { contentOf, read, torchFixtures } from "../formats/torch/torchFixtures";
import { dict, floatBytes, int, storage, tensorV2, torchArchive } from "../formats/torch/torchPickle";

async function optimizersOf(pickle: string): Promise<readonly OptimizerState[]> {
  const { content } = await read(torchArchive(pickle, { 0: floatBytes(...new Array(64).fill(1)) }));
  return content === undefined ? [] : optimizerStates(content);
}

const floats = (...shape: readonly number[]) => {
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((product, size) => product * size, 1));
  return tensorV2(storage("torch.FloatStorage", "0", 64), shape, strides);
};

const bytes = (size: number) => tensorV2(storage("torch.ByteStorage", "0", 256), [size], [1]);

function stateDict(state: readonly string[], group: Readonly<Record<string, string>>): string {
  const entries = state.map((one, at) => int(at) + one).join("");
  const params = `](${state.map((_, at) => int(at)).join("")}e`;
  return dict({ state: `}(${entries}u`, param_groups: `](${dict({ ...group, params })}e` });
}

describe("optimizers of torch", () => {
  let all: ReadonlyMap<string, OptimizerState>;

  beforeAll(async () => {
    const states = optimizerStates(await contentOf("optimizers.pt"));
    all = new Map(states.map((state) => [state.path, state]));
  });

  it.each([
    ["SGD", "SGD", ["momentum_buffer"]],
    ["SGD momentum", "SGD", ["momentum_buffer"]],
    ["Adam", "Adam", ["step", "exp_avg", "exp_avg_sq"]],
    ["Adam amsgrad", "Adam", ["step", "exp_avg", "exp_avg_sq", "max_exp_avg_sq"]],
    ["AdamW", "AdamW", ["step", "exp_avg", "exp_avg_sq"]],
    ["AdamW empty", "AdamW", []],
    ["RMSprop", "RMSprop", ["step", "square_avg", "momentum_buffer", "grad_avg"]],
    ["Adagrad", "Adagrad", ["step", "sum"]],
    ["Adadelta", "Adadelta", ["step", "square_avg", "acc_delta"]],
    ["Adamax", "Adamax", ["step", "exp_avg", "exp_inf"]],
    ["NAdam", "NAdam", ["step", "mu_product", "exp_avg", "exp_avg_sq"]],
    ["RAdam", "RAdam", ["step", "exp_avg", "exp_avg_sq"]],
    ["ASGD", "ASGD", ["step", "eta", "mu", "ax"]],
    ["Rprop", "Rprop", ["step", "prev", "step_size"]],
  ])("%s is told to be %s", (path, name, keys) => {
    const optimizer = all.get(path);
    expect(optimizer?.name).toBe(name);
    expect(optimizer?.reason).not.toBe("");
    expect([...(optimizer?.parameters[0]?.state.keys() ?? [])]).toEqual(keys);
    expect(optimizer?.parameters).toHaveLength(4);
    expect(optimizer?.emptyState).toBe(path === "AdamW empty");
  });

  it("LBFGS keeps everything with its first parameter", () => {
    const optimizer = all.get("LBFGS");
    expect(optimizer?.name).toBe("LBFGS");
    expect([...(optimizer?.parameters[0]?.state.keys() ?? [])]).toContain("old_dirs");
  });

  it("count the bytes of their state", () => {
    // Two moments of 3×3 and 3, twice, and four steps.
    expect(all.get("AdamW")?.stateBytes).toBe(2 * 2 * (9 + 3) * 4 + 4 * 4);
    expect(all.get("AdamW empty")?.stateBytes).toBe(0);
  });
});

describe("optimizers of others", () => {
  const adam = { lr: int(1), betas: "(I0\nI1\nt", eps: int(1), weight_decay: int(0) };

  it.each([
    [
      "AdamW of torch 2.8",
      [dict({ exp_avg: floats(2), exp_avg_sq: floats(2) })],
      { ...adam, amsgrad: "\x89", decoupled_weight_decay: "\x88" },
      "AdamW",
    ],
    [
      "Adam of torch 2.8",
      [dict({ exp_avg: floats(2), exp_avg_sq: floats(2) })],
      { ...adam, amsgrad: "\x89", decoupled_weight_decay: "\x89" },
      "Adam",
    ],
    [
      "Lion",
      [dict({ exp_avg: floats(2) })],
      { lr: int(1), betas: "(I0\nI1\nt", weight_decay: int(0) },
      "Lion",
    ],
    [
      "Muon",
      [dict({ momentum_buffer: floats(2) })],
      { lr: int(1), momentum: int(1), nesterov: "\x88", ns_steps: int(5) },
      "Muon",
    ],
    [
      "Adafactor",
      [dict({ exp_avg_sq_row: floats(2), exp_avg_sq_col: floats(3), RMS: int(1) })],
      { lr: "N" },
      "Adafactor",
    ],
    [
      "AdamW of transformers",
      [dict({ exp_avg: floats(2), exp_avg_sq: floats(2) })],
      { ...adam, correct_bias: "\x88" },
      "AdamW (transformers)",
    ],
    [
      "apex",
      [dict({ exp_avg: floats(2), exp_avg_sq: floats(2) })],
      { ...adam, bias_correction: "\x88" },
      "FusedAdam",
    ],
    [
      "bitsandbytes",
      [dict({ state1: bytes(2), state2: bytes(2), qmap1: floats(4), absmax1: floats(1) })],
      adam,
      "bitsandbytes Adam 8-bit",
    ],
    ["something new", [dict({ whatever: floats(2) })], { lr: int(1) }, "optimizer"],
  ])("%s are told", async (_what, state, group, name) => {
    expect((await optimizersOf(stateDict(state, group)))[0]?.name).toBe(name);
  });

  it("know row and column sums of a matrix by their shapes", async () => {
    const state = dict({ exp_avg_sq_row: floats(2), exp_avg_sq_col: floats(3) });
    expect((await optimizersOf(stateDict([state], {})))[0]?.parameters[0]?.shape).toEqual([2, 3]);
  });

  it("know a parameter's shape by the moment that is one, where another tensor holds two", async () => {
    const state = dict({ state1: floats(2, 4, 3), state2: floats(4, 3) });
    expect((await optimizersOf(stateDict([state], {})))[0]?.parameters[0]?.shape).toEqual([4, 3]);
  });

  it("of bitsandbytes since 2025 nest their quantised tensors", async () => {
    const quantised = dict({ state1: bytes(2), qmap1: floats(4), absmax1: floats(1), state2: bytes(2) });
    const [optimizer] = await optimizersOf(
      stateDict([dict({ step: int(3), __bnb_optimizer_quant_state__: quantised })], {}),
    );
    expect(optimizer?.name).toBe("bitsandbytes Adam 8-bit");
    expect(optimizer?.parameters[0]?.state.get("step")).toBe(3);
    expect(optimizer?.parameters[0]?.state.get("state1")).toBe(
      "state.0.__bnb_optimizer_quant_state__.state1",
    );
  });

  it("keep names where they are saved: in the groups, or as keys", async () => {
    const named = stateDict([dict({ exp_avg: floats(2) })], { param_names: `](${text("fc.weight")}e` });
    expect((await optimizersOf(named))[0]?.parameters[0]).toMatchObject({ name: "fc.weight", group: 0 });
    const keyed = dict({
      state: dict({ "fc.bias": dict({ exp_avg: floats(2) }) }),
      param_groups: `](${dict({ params: `](${text("fc.bias")}e` })}e`,
    });
    const [optimizer] = await optimizersOf(keyed);
    expect(optimizer?.parameters).toMatchObject([{ name: "fc.bias", group: 0 }]);
    expect(optimizer?.parameters[0]).not.toHaveProperty("nameInferred");
  });

  it("are found where frameworks put them", async () => {
    const inner = stateDict([dict({ exp_avg: floats(2) })], {});
    const paths = async (pickle: string) => (await optimizersOf(pickle)).map(({ path }) => path);
    expect(await paths(inner)).toEqual([""]);
    expect(await paths(dict({ optimizer_states: `](${inner}e` }))).toEqual(["optimizer_states.0"]);
    expect(await paths(dict({ optim: dict({ g: inner, d: inner }) }))).toEqual(["optim.g", "optim.d"]);
    expect(await paths(dict({ state: "}", other: "N" }))).toEqual([]);
  });
});

describe("the names of parameters", () => {
  let content: FileContent;
  let optimizer: OptimizerState;
  const expected = JSON.parse(readFileSync(join(torchFixtures, "expected.json"), "utf8")) as Record<
    string,
    string[][]
  >;

  beforeAll(async () => {
    content = await contentOf("training.pt");
    optimizer = optimizerStates(content)[0] as OptimizerState;
  });

  it("come from the model in the same file, group by group, as torch counts them", () => {
    const named = nameParameters(optimizer, modelParameters(content), true);
    const names = named.parameters.map(({ name }) => name);
    expect(names).toEqual(expected["training.pt.names"]?.flat());
    expect(named.parameters.every(({ nameInferred }) => nameInferred === true)).toBe(true);
    expect(named.groups.map(({ parameterCount }) => parameterCount)).toEqual([3, 4]);
    expect(named.differingKeys).toEqual(["weight_decay"]);
  });

  it("are left open where the shapes do not fit", () => {
    const others = modelParameters(content).map((tensor) => ({ ...tensor, shape: [1] }));
    const named = nameParameters(optimizer, others, true);
    expect(named).toBe(optimizer);
    expect(nameParameters(optimizer, modelParameters(content).slice(2), true)).toBe(optimizer);
    expect(nameParameters(optimizer, [], true)).toBe(optimizer);
  });

  it("follow the order in which language models declare their modules", () => {
    const layer = (at: number) => `base_model.model.model.layers.${at}`;
    const modules = [
      "self_attn.q_proj",
      "self_attn.k_proj",
      "self_attn.v_proj",
      "self_attn.o_proj",
      "mlp.gate_proj",
      "mlp.up_proj",
      "mlp.down_proj",
    ];
    const declared = [2, 10].flatMap((at) =>
      modules.flatMap((module) => ["A", "B"].map((part) => `${layer(at)}.${module}.lora_${part}.weight`)),
    );
    expect([...declared].sort().sort(compareParameterNames)).toEqual(declared);
  });

  it("end with the head of a model that is not tied, as named_parameters() of transformers' Llama does", () => {
    const declared = [
      "model.embed_tokens.weight",
      "model.layers.0.self_attn.q_proj.weight",
      "model.layers.0.input_layernorm.weight",
      "model.norm.weight",
      "lm_head.weight",
    ];
    expect([...declared].sort().sort(compareParameterNames)).toEqual(declared);
  });

  it("of an adapter whose file sorts k before q are found by shapes", async () => {
    const shapes = [
      ["q_proj.lora_A", [2, 16]],
      ["q_proj.lora_B", [16, 2]],
      ["k_proj.lora_A", [2, 16]],
      ["k_proj.lora_B", [4, 2]],
    ] as const;
    const tensors = shapes.map(
      ([name, shape]) =>
        ({ name: `m.layers.0.self_attn.${name}.weight`, shape, dtype: "F32" }) as unknown as Tensor,
    );
    const states = shapes.map(([, shape]) =>
      dict({ exp_avg: floats(...shape), exp_avg_sq: floats(...shape) }),
    );
    const [state] = await optimizersOf(stateDict(states, {}));
    const named = nameParameters(
      state as OptimizerState,
      [...tensors].sort((a, b) => (a.name < b.name ? -1 : 1)),
      false,
    );
    expect(named.parameters.map(({ name }) => name)).toEqual(tensors.map(({ name }) => name));
  });
});

describe("8-bit moments", () => {
  it("are the entries of the map, scaled block by block", () => {
    const state = Uint8Array.from({ length: 512 }, (_, at) => at % 4);
    const qmap = Float64Array.of(0, 0.25, 0.5, 1);
    const values = dequantiseBlockwise(state, qmap, Float64Array.of(2, 4), 512);
    expect([values[0], values[1], values[3], values[256], values[257], values[259]]).toEqual([
      0, 0.5, 2, 0, 1, 4,
    ]);
    expect([...dequantiseBlockwise(state.subarray(256), qmap, Float64Array.of(2, 4), 512, 256)]).toEqual([
      ...values.subarray(256),
    ]);
  });
});
