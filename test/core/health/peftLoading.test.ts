import { describe, expect, it } from "vitest";
import { adapterConfig, adapterOf, factors, healthOf, module, type Shapes } from "../../support/healthOf";

const both: Shapes = {
  ...factors,
  "base_model.model.model.layers.1.self_attn.v_proj.lora_A.weight": [8, 16],
  "base_model.model.model.layers.1.self_attn.v_proj.lora_B.weight": [4, 8],
};
const config = {
  ...adapterConfig,
  target_modules: ["q_proj", "v_proj"],
  base_model_name_or_path: "some/model",
};
const silent = new Set(["Serving", "PeftVersion", "LoraDora", "TrainableTokens", "AdapterShares"]);
const told = async (settings: object, shapes: Shapes = both) =>
  (await healthOf(adapterOf(shapes, { ...config, ...settings }))).problems
    .filter(({ code }) => !silent.has(code))
    .map(({ severity, code }) => `${severity} ${code}`);

// What PEFT 0.21 does with each of these was seen with PeftModel.from_pretrained over a small Llama.
describe("an adapter as PEFT loads it", () => {
  it("is not remarked upon where it loads whole", async () => {
    expect(await told({})).toEqual([]);
    expect(await told({ target_modules: "all-linear" })).toEqual([]);
    expect(await told({ target_modules: null })).toEqual(["info TargetsNotNamed"]);
    expect(await told({ target_modules: ".*self_attn\\.(q|v)_proj" })).toEqual([]);
    expect(await told({ target_modules: ["layers.0.self_attn.q_proj", "v_proj"] })).toEqual([]);
    expect(await told({ layers_to_transform: [0, 1], layers_pattern: ["layers"] })).toEqual([]);
    expect(await told({ layers_to_transform: [] })).toEqual([]);
    expect(await told({ alpha_pattern: { k_proj: null } })).not.toContain("error PeftRefuses");
  });

  it.each([
    ["another rank than that of the factors", { r: 4 }, "error LoraRankMismatch"],
    [
      "a rank of single modules that matches none",
      { r: 4, rank_pattern: { q_proj: 8 } },
      "error LoraRankMismatch",
    ],
    ["no alpha", { lora_alpha: null }, "error PeftRefuses"],
    ["no rank", { r: null }, "error PeftRefuses"],
    ["no ranks of single modules", { rank_pattern: null }, "error PeftRefuses"],
    ["no alpha of one module", { alpha_pattern: { q_proj: null } }, "error PeftRefuses"],
    ["nothing of biases", { bias: null }, "error PeftRefuses"],
    ["no dropout", { lora_dropout: null }, "error PeftRefuses"],
    ["a type in small letters", { peft_type: "lora" }, "error PeftRefuses"],
    ["no type", { peft_type: undefined }, "error PeftRefuses"],
    ["a type of other tensors", { peft_type: "LOHA" }, "error LoraWithoutFactors"],
    ["a type with values between the factors", { peft_type: "ADALORA" }, "error AdaloraWithoutValues"],
    ["no base", { base_model_name_or_path: null }, "info BaseNotNamed"],
  ])("whose configuration says %s", async (_, settings, expected) => {
    expect(await told(settings)).toContain(expected);
  });

  it.each([
    ["an expression that matches none", { target_modules: "model.layers.*(q|v)_projx" }, "error"],
    ["an expression for some", { target_modules: ".*q_proj" }, "warning"],
    // re.fullmatch: what is behind the match counts.
    ["an expression for the beginning", { target_modules: "model" }, "error"],
    ["a list of some", { target_modules: ["q_proj"] }, "warning"],
    ["layers of some", { layers_to_transform: [0] }, "warning"],
    ["one layer, not in a list", { layers_to_transform: 1 }, "warning"],
    ["layers of another stack", { layers_to_transform: [0, 1], layers_pattern: "blocks" }, "error"],
    ["an exception", { exclude_modules: ["v_proj"] }, "warning"],
    ["what is saved whole", { modules_to_save: ["v_proj"] }, "warning"],
    ["an exception as an expression", { exclude_modules: "model\\.layers\\.1\\..*" }, "warning"],
  ])("of which the configuration selects by %s", async (_, settings, severity) => {
    expect(await told(settings)).toContain(`${severity} UnselectedModules`);
  });

  it("counts the modules that are left out", async () => {
    const { problems } = await healthOf(adapterOf(both, { ...config, target_modules: ["q_proj"] }));
    expect(problems.find(({ code }) => code === "UnselectedModules")?.message).toMatch(
      /^1 of 2 modules of the file is not among .*, first model\.layers\.1\.self_attn\.v_proj: PEFT leaves what was trained in it out/,
    );
  });

  it("of another method than LoRA", async () => {
    const shapes: Shapes = {
      "base_model.model.model.layers.0.self_attn.k_proj.ia3_l": [8, 1],
      "base_model.model.model.layers.0.mlp.down_proj.ia3_l": [1, 32],
    };
    const ofIa3 = {
      peft_type: "IA3",
      feedforward_modules: ["down_proj"],
      base_model_name_or_path: "some/model",
    };
    const unselected = async (targets: readonly string[]) =>
      (await healthOf(adapterOf(shapes, { ...ofIa3, target_modules: targets }))).problems
        .filter(({ code }) => code === "UnselectedModules")
        .map(({ message }) => message.slice(0, 32));
    expect(await unselected(["k_proj", "down_proj"])).toEqual([]);
    expect(await unselected(["k_proj"])).toEqual(["1 of 2 modules of the file is no"]);
  });

  it("whose expert is of the layer that is meant, whichever number of its path PEFT goes by", async () => {
    const expert = "base_model.model.model.layers.0.mlp.experts.1.up_proj";
    const shapes: Shapes = { [`${expert}.lora_A.weight`]: [8, 16], [`${expert}.lora_B.weight`]: [4, 8] };
    const of = (layer: number) => told({ target_modules: ["up_proj"], layers_to_transform: [layer] }, shapes);
    expect(await of(0)).toEqual([]);
    expect(await of(1)).toEqual([]);
    expect(await of(2)).toContain("error UnselectedModules");
  });

  it("whose head is given factors with the embeddings that it is tied to", async () => {
    const shapes: Shapes = {
      "base_model.model.model.embed_tokens.lora_embedding_A": [8, 20],
      "base_model.model.model.embed_tokens.lora_embedding_B": [16, 8],
      "base_model.model.lm_head.lora_A.weight": [8, 16],
      "base_model.model.lm_head.lora_B.weight": [20, 8],
    };
    const settings = { target_modules: ["embed_tokens"], ensure_weight_tying: true };
    expect(await told(settings, shapes)).not.toContain("warning UnselectedModules");
    expect(await told({ ...settings, ensure_weight_tying: false }, shapes)).toContain(
      "warning UnselectedModules",
    );
  });

  it("says that LoRA's tensors need LoRA's type, and blames no name", async () => {
    const { problems } = await healthOf(adapterOf(both, { ...config, peft_type: "PROMPT_TUNING" }));
    const [found] = problems.filter(({ severity }) => severity === "error");
    expect(found?.message).toContain('They are those of LoRA, for which peft_type is "LORA".');
    expect(found?.message).not.toContain("was named");
  });

  it("magnitudes that use_dora does not ask for", async () => {
    const shapes = { ...both, [`${module}.lora_magnitude_vector`]: [16] };
    expect(await told({ use_dora: false }, shapes)).toEqual(["warning DoraNotUsed"]);
  });

  it("magnitudes under a name without factors", async () => {
    const shapes = {
      ...both,
      "base_model.model.model.layers_0.self_attn.q_proj.lora_magnitude_vector": [16],
    };
    expect(await told({ use_dora: true }, shapes)).toContain("error LoraUnpaired");
  });

  it("rows of tokens that are more than the configuration lists", async () => {
    const shapes = {
      ...both,
      "base_model.model.model.embed_tokens.token_adapter.trainable_tokens_delta": [3, 16],
    };
    expect(await told({ trainable_token_indices: [2, 5] }, shapes)).toEqual(["error PeftRefuses"]);
    expect(await told({ trainable_token_indices: [2, 5, 7] }, shapes)).toEqual([]);
    expect(await told({ trainable_token_indices: { embed_tokens: [2, 5, 7] } }, shapes)).toEqual([]);
  });

  it("a module that is said to be saved whole, and of which there are factors alone", async () => {
    expect(await told({ modules_to_save: ["v_proj"] })).toContain("warning SavedModulesMissing");
  });

  it("a head under the name that it has while PEFT wraps it", async () => {
    const shapes = { ...both, "base_model.model.score.modules_to_save.weight": [2, 16] };
    const found = await told({ modules_to_save: ["score"] }, shapes);
    expect(found).toEqual(["warning WrappedNames"]);
  });

  it("names of FSDP's wrappers, with the names that they should be", async () => {
    const renamed = Object.fromEntries(
      Object.entries(factors).map(([name, shape]) => [
        `_fsdp_wrapped_module.${name.replace("self_attn", "_fsdp_wrapped_module.self_attn")}`,
        shape,
      ]),
    );
    const { problems } = await healthOf(adapterOf(renamed, { ...config, target_modules: ["q_proj"] }));
    const found = problems.filter(({ code }) => code === "WrappedNames");
    expect(found.map(({ severity }) => severity)).toEqual(["error"]);
    expect(found[0]?.message).toContain(`the first should be ${module}.lora_A.weight.`);
  });

  it("what other programs trained beside it, and a whole model", async () => {
    const beside = async (name: string, more: object = {}) =>
      (await healthOf({ ...adapterOf(both, config), [name]: "x", ...more })).problems
        .filter(({ code }) => code === "WeightsBeside")
        .map(({ message }) => message.slice(0, message.indexOf(" lies")));
    expect(await beside("non_lora_trainables.bin")).toEqual(["non_lora_trainables.bin"]);
    expect(await beside("model.safetensors", { "config.json": "{}" })).toEqual(["model.safetensors"]);
    expect(await beside("optimizer.pt")).toEqual([]);
  });

  it("of another method that saved nothing is not put down to ZeRO", async () => {
    const messageOf = async (peft_type: string) =>
      (await healthOf(adapterOf({}, { ...config, peft_type }))).problems.find(
        ({ code }) => code === "NoTensors",
      )?.message;
    expect(await messageOf("LORA")).toContain("ZeRO-3");
    expect(await messageOf("XLORA")).toContain("what was trained is not here");
    expect(await messageOf("OSF")).not.toContain("ZeRO");
  });

  it("diffusers' names with PEFT's wrapper in the middle", async () => {
    const names = ["down", "up"].map(
      (part) => `transformer.base_model.model.single_transformer_blocks.0.attn.to_k.lora.${part}.weight`,
    );
    const shapes = { [names[0] as string]: [4, 16], [names[1] as string]: [16, 4] };
    const { problems } = await healthOf({ "lora.safetensors": adapterFile(shapes) }, "/run/lora.safetensors");
    expect(problems.filter(({ code }) => code === "WrappedNames").map(({ severity }) => severity)).toEqual([
      "error",
    ]);
  });
});

function adapterFile(shapes: Shapes): Uint8Array {
  return adapterOf(shapes, config)["adapter_model.safetensors"] as Uint8Array;
}
