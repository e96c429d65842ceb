import { describe, expect, it } from "vitest";
import { unlikeLayers } from "../../../src/core/health/config/unlikeLayers";
import {
  adapterConfig,
  adapterOf,
  factors,
  healthOf,
  module,
  type Shapes,
  weights,
} from "../../support/healthOf";

describe("other ways to be wrong", () => {
  const v = "base_model.model.model.layers.0.self_attn.v_proj";
  const both: Shapes = { ...factors, [`${v}.lora_A.weight`]: [8, 16], [`${v}.lora_B.weight`]: [16, 8] };
  const config = { ...adapterConfig, target_modules: ["q_proj", "v_proj"] };
  const told = async (shapes: Shapes, changed: object = {}) =>
    (await healthOf(adapterOf(shapes, { ...config, ...changed }))).problems
      .filter(({ severity }) => severity !== "info")
      .map(({ severity, code }) => [severity, code]);

  it("one process's columns of B", async () => {
    const cut = { ...both, [`${module}.lora_B.weight`]: [16, 4], [`${v}.lora_B.weight`]: [16, 4] };
    expect(await told(cut)).toEqual([["error", "OneRankOnly"]]);
  });

  it.each([
    [{ modules_to_save: ["lm_head"] }, "error"],
    [{ modules_to_save: ["lm_head"], target_modules: null }, "warning"],
    [{ modules_to_save: ["lm_head"], target_modules: [] }, "warning"],
  ])("a file of PEFT's without factors, of which the configuration says %o", async (changed, severity) => {
    const { problems } = await healthOf({
      "adapter_model.safetensors": weights({ "base_model.model.lm_head.weight": [4, 16] }),
      "adapter_config.json": JSON.stringify({ ...config, ...changed }),
    });
    const found = problems.filter(({ code }) => code === "LoraWithoutFactors");
    expect(found.map((problem) => problem.severity)).toEqual([severity]);
  });

  it("names that torch.compile wrote, in a file that transformers loads by its names", async () => {
    const wrapped = weights({ "_orig_mod.lm_head.weight": [4, 4], "_orig_mod.model.norm.weight": [4] });
    const found = async (name: string, model: object) =>
      (await healthOf({ [name]: wrapped, "config.json": JSON.stringify(model) })).problems.filter(
        ({ code }) => code === "WrappedNames",
      );
    const architectures = ["LlamaForCausalLM"];
    expect(await found("model.safetensors", { architectures })).toMatchObject([
      {
        severity: "warning",
        message: expect.stringMatching(/^2 of 2 names .* the first is lm_head\.weight\.$/),
      },
    ]);
    expect(await found("model.safetensors", { model: "my own" })).toEqual([]);
    expect(await found("ema.safetensors", { architectures })).toEqual([]);
  });

  it("one pair of two ranks is no pair, and none that is stored transposed", async () => {
    expect(await told({ ...both, [`${module}.lora_A.weight`]: [4, 16] })).toContainEqual([
      "error",
      "LoraShapeMismatch",
    ]);
  });

  it("factors of no rows, but for AdaLoRA, which prunes", async () => {
    const empty = { ...both, [`${v}.lora_A.weight`]: [0, 16], [`${v}.lora_B.weight`]: [16, 0] };
    expect(await told(empty)).toContainEqual(["error", "NoValues"]);
    const pruned = { peft_type: "ADALORA", init_r: 8, target_r: 4 };
    expect((await told(empty, pruned)).filter(([, code]) => code === "NoValues")).toEqual([]);
  });

  it("what the configuration announces and the file does not hold", async () => {
    expect(await told(both, { modules_to_save: ["lm_head"] })).toEqual([["warning", "SavedModulesMissing"]]);
    expect(await told(both, { trainable_token_indices: [1] })).toEqual([["warning", "SavedModulesMissing"]]);
    const heads = { modules_to_save: ["classifier", "score"] };
    expect(await told({ ...both, "base_model.model.score.weight": [2, 16] }, heads)).toEqual([]);
    const some = { ...both, [`${v}.lora_magnitude_vector`]: [16] };
    expect(await told(some, { use_dora: true })).toEqual([["warning", "DoraWithoutMagnitudes"]]);
  });

  it.each([
    ["the adapter's name", (name: string) => name.replace(".weight", ".default.weight")],
    ["a prefix too few", (name: string) => name.replace("base_model.model.", "")],
    ["a prefix too many", (name: string) => `base_model.model.${name}`],
    ["a wrapper", (name: string) => `module.${name}`],
  ])("names with %s, which PEFT does not match", async (_, rename) => {
    const renamed = Object.fromEntries(Object.entries(both).map(([name, shape]) => [rename(name), shape]));
    const { problems } = await healthOf(adapterOf(renamed, config));
    const [found] = problems.filter(({ severity }) => severity !== "info");
    expect([found?.severity, found?.code]).toEqual(["error", "WrappedNames"]);
    expect(found?.message).toContain(`the first should be ${module}.lora_A.weight.`);
  });

  it("a gap in the layers, where no configuration tells their number", async () => {
    const shapes: Shapes = {
      "model.embed_tokens.weight": [10, 4],
      "model.layers.0.mlp.up_proj.weight": [8, 4],
      "model.layers.2.mlp.up_proj.weight": [8, 4],
    };
    const { problems } = await healthOf({ "model.safetensors": weights(shapes) });
    expect(problems).toMatchObject([{ severity: "error", code: "LayersMissing" }]);
  });

  it("a projection that one layer lacks, and an expert that one layer lacks", async () => {
    const names = ["q_proj", "k_proj", "v_proj", "o_proj"].flatMap((each) =>
      [0, 1, 2].map((layer) => `model.layers.${layer}.self_attn.${each}.weight`),
    );
    const square = (all: readonly string[]): Shapes => Object.fromEntries(all.map((name) => [name, [4, 4]]));
    const ends: Shapes = { "model.embed_tokens.weight": [10, 4], "lm_head.weight": [10, 4] };
    const codes = async (shapes: Shapes) =>
      (await healthOf({ "model.safetensors": weights({ ...ends, ...shapes }) })).problems.map(
        ({ code }) => code,
      );
    expect(await codes(square(names))).toEqual([]);
    expect(await codes(square(names.filter((name) => !name.includes("1.self_attn.v_proj"))))).toEqual([
      "TensorsMissing",
    ]);
    // A layer without attention is another architecture.
    expect(
      await codes(
        square([...names.filter((name) => !name.includes("layers.1.")), "model.layers.1.mlp.x.weight"]),
      ),
    ).toEqual([]);
    const experts = [0, 1].flatMap((layer) =>
      [0, 1, 2].map((at) => `model.layers.${layer}.mlp.experts.${at}.up_proj.weight`),
    );
    expect(await codes(square(experts))).toEqual([]);
    expect(await codes(square(experts.slice(0, -1)))).toEqual(["ExpertsDisagree"]);
  });

  it("what one layer lacks of all others, but for what packing adds and for layers of another kind", () => {
    const own = [
      "input_layernorm.weight",
      "self_attn.q_norm.weight",
      "self_attn.q_proj.bias",
      "mlp.up.weight",
    ];
    const layers = (count: number, change: (layer: number) => readonly string[]) =>
      unlikeLayers(new Map(Array.from({ length: count }, (_, layer) => [layer, change(layer)]))).map(
        ({ severity, message }) => `${severity}: ${message}`,
      );
    const without = (lost: number, name: string) => (layer: number) =>
      layer === lost ? own.filter((each) => each !== name) : own;
    expect(layers(4, () => own)).toEqual([]);
    expect(layers(4, without(1, "input_layernorm.weight"))).toEqual([
      "error: Layer 1 has no input_layernorm, which the other 3 layers have: it would be initialised at random.",
    ]);
    expect(layers(4, without(2, "self_attn.q_proj.bias"))[0]).toMatch(
      /^error: Layer 2 has no self_attn.q_proj.bias/,
    );
    expect(layers(4, without(0, "self_attn.q_norm.weight"))[0]).toMatch(/^warning/);
    // Two layers tell nothing of each other but in modules that come together.
    expect(layers(2, without(1, "self_attn.q_norm.weight"))).toEqual([]);
    const norms = ["input_layernorm.weight", "post_attention_layernorm.weight"];
    expect(layers(2, (layer) => norms.slice(layer))[0]).toMatch(/^error: Layer 1 has no input_layernorm/);
    expect(layers(4, (layer) => (layer === 0 ? own : [...own, "mlp.up.weight_scale"]))).toEqual([]);
    const experts = Array.from({ length: 8 }, (_, at) => `mlp.experts.${at}.up.weight`);
    expect(layers(4, (layer) => (layer === 0 ? own : [...own, ...experts]))).toEqual([]);
    expect(layers(4, (layer) => (layer % 2 === 0 ? own : own.slice(1)))).toEqual([]);
  });

  it("an adapter whose names no loader matches, but no merged model beside its old configuration", async () => {
    const renamed = Object.fromEntries(
      Object.entries(both).map(([name, shape]) => [name.replace(".lora_", "_"), shape]),
    );
    const { problems } = await healthOf(adapterOf(renamed, config));
    expect(problems).toMatchObject([
      {
        severity: "error",
        code: "LoraWithoutFactors",
        message: expect.stringMatching(/adapter that was named "lora"/),
      },
    ]);
    const merged = await healthOf({
      "model.safetensors": weights({ "model.layers.0.self_attn.q_proj.weight": [4, 4] }),
      "adapter_config.json": JSON.stringify({ peft_type: "LORA", r: 8 }),
    });
    expect(merged.problems.filter(({ severity }) => severity === "error")).toEqual([]);
  });

  it("a last norm that is narrower than config.json says", async () => {
    const shapes: Shapes = {
      "model.embed_tokens.weight": [10, 8],
      "model.norm.weight": [4],
      "model.layers.0.mlp.up_proj.weight": [16, 8],
    };
    const { problems } = await healthOf({
      "model.safetensors": weights(shapes),
      "config.json": JSON.stringify({ hidden_size: 8, num_hidden_layers: 1 }),
    });
    expect(problems.map(({ message }) => message)).toEqual([
      expect.stringContaining("says hidden_size 8, model.norm.weight is 4: loaders"),
    ]);
  });

  it("a configuration of twice the width, which is no slice where the norms are as narrow", async () => {
    const shapes = (norm: number): Shapes => ({
      "model.embed_tokens.weight": [10, 4],
      "lm_head.weight": [10, 4],
      "model.layers.0.input_layernorm.weight": [norm],
    });
    const config = JSON.stringify({ hidden_size: 8, vocab_size: 10, num_hidden_layers: 1 });
    const codes = async (norm: number) =>
      (await healthOf({ "model.safetensors": weights(shapes(norm)), "config.json": config })).problems.map(
        ({ code, message }) => `${code} ${message.slice(0, 30)}`,
      );
    expect(await codes(4)).toEqual(["ConfigDisagrees config.json says hidden_size 8"]);
    expect((await codes(8))[0]).toMatch(/^OneRankOnly/);
  });

  it("shards of an earlier save beside a whole one are only left over", async () => {
    const { problems } = await healthOf({
      "model-00001-of-00002.safetensors": weights({ a: [2] }),
      "model-00002-of-00002.safetensors": weights({ b: [2] }),
      "model-00003-of-00003.safetensors": weights({ c: [2] }),
      "model.safetensors.index.json": JSON.stringify({
        metadata: { total_size: 16 },
        weight_map: { a: "model-00001-of-00002.safetensors", b: "model-00002-of-00002.safetensors" },
      }),
    });
    expect(problems.filter(({ severity }) => severity === "error")).toEqual([]);
    expect(problems.map(({ code }) => code)).toContain("ExtraShard");
  });

  it.each([20, 900])("an optimizer of which the first %i bytes of an archive are left", async (count) => {
    const bytes = new Uint8Array(count).fill(120);
    bytes.set([0x50, 0x4b, 3, 4]);
    const { problems } = await healthOf({ ...adapterOf(both, config), "optimizer.pt": bytes });
    expect(problems).toContainEqual(
      expect.objectContaining({ severity: "error", message: expect.stringContaining("optimizer.pt") }),
    );
  });

  it("an optimizer of no bytes", async () => {
    const { problems } = await healthOf({ ...adapterOf(both, config), "optimizer.pt": new Uint8Array() });
    expect(problems).toContainEqual(expect.objectContaining({ severity: "error", code: "EmptyFile" }));
  });
});
