import { describe, expect, it } from "vitest";
import { adapterConfig, adapterOf, factors, healthOf, type Shapes } from "../../support/healthOf";
import { ggufFile } from "../../support/made/ggufFile";
import { safetensorsFile } from "../../support/made/safetensorsFile";

const codes = async (entries: Parameters<typeof healthOf>[0], path?: string) =>
  (await healthOf(entries, path)).problems
    .filter(({ severity }) => severity !== "info")
    .map(({ severity, code }) => `${severity} ${code}`);

// PEFT 0.21: NaN becomes the scale, a text fails at its division by the rank.
describe("an alpha that is no number", () => {
  it.each([
    ["NaN", "error ScaleNotFinite"],
    ["-Infinity", "error ScaleNotFinite"],
    ['"16"', "error PeftRefuses"],
    ["[16]", "error PeftRefuses"],
  ])("%s", async (alpha, expected) => {
    const files = adapterOf(factors, { ...adapterConfig, lora_alpha: 0 });
    const written = files["adapter_config.json"].replace('"lora_alpha":0', `"lora_alpha":${alpha}`);
    expect(await codes({ ...files, "adapter_config.json": written })).toEqual([expected]);
  });
});

// PEFT 0.21 makes fused experts by target_parameters alone, and says at most "missing adapter keys".
describe("factors of fused experts", () => {
  const wrapped = (layer: number, inner: string, width: number): Shapes => ({
    [`base_model.model.model.layers.${layer}.mlp.experts${inner}.lora_A.weight`]: [12, width],
    [`base_model.model.model.layers.${layer}.mlp.experts${inner}.lora_B.weight`]: [width * 2, 12],
  });
  const both = (layer: number) => ({ ...wrapped(layer, ".base_layer", 16), ...wrapped(layer, "", 24) });
  const named = {
    ...adapterConfig,
    r: 4,
    target_modules: ["q_proj"],
    target_parameters: ["mlp.experts.gate_up_proj", "mlp.experts.down_proj"],
  };
  const attention: Shapes = Object.fromEntries(
    Object.entries(factors).map(([name, shape]) => [name, shape.map((size) => (size === 8 ? 4 : size))]),
  );
  const told = (shapes: Shapes, config: object) => codes(adapterOf({ ...attention, ...shapes }, config));

  it("that the configuration names and the file holds", async () => {
    expect(await told({ ...both(0), ...both(1) }, named)).toEqual([]);
  });
  it("that it names without their module", async () => {
    const short = { ...named, target_parameters: ["gate_up_proj", "down_proj"] };
    expect(await told({ ...both(0), ...both(1) }, short)).toEqual([]);
  });
  it("that it does not name", async () => {
    expect(await told(both(0), { ...named, target_parameters: null })).toEqual(["warning UnselectedModules"]);
  });
  it("that transformers may take for parameters as it loads", async () => {
    const targets = { target_parameters: null, target_modules: ["q_proj", "gate_up_proj"] };
    expect(await told(both(0), { ...named, ...targets })).not.toContain("warning UnselectedModules");
  });
  it("that are gone", async () => {
    expect(await told({}, named)).toEqual(["warning UnmatchedPattern"]);
  });
  it("of which one layer has one alone", async () => {
    const shapes = { ...both(0), ...wrapped(1, ".base_layer", 16) };
    expect(await told(shapes, named)).toEqual(["warning ParametersMissing"]);
  });
});

it("factors that mlx-lm leaves out, as it tunes whole weights", async () => {
  const name = "model.layers.0.self_attn.q_proj.lora_";
  const tensors = ["a", "b"].map((factor) => ({
    name: name + factor,
    dtype: "F32" as const,
    shape: factor === "a" ? [16, 4] : [4, 16],
  }));
  const found = (type: string) =>
    codes({
      "adapters.safetensors": safetensorsFile({ tensors }),
      "adapter_config.json": JSON.stringify({
        fine_tune_type: type,
        num_layers: 1,
        lora_parameters: { rank: 4, scale: 10, dropout: 0 },
      }),
    });
  expect(await found("lora")).toEqual([]);
  expect(await found("full")).toEqual(["warning UnmatchedLayers"]);
});

// llama-adapter.cpp: expects general.type adapter, adapter.type lora, and no other names than these.
describe("a LoRA for llama.cpp", () => {
  const keys = {
    "general.architecture": "llama",
    "general.type": "adapter",
    "adapter.type": "lora",
    "adapter.lora.alpha": 8,
  };
  const pair = ["a", "b"].map((factor, at) => ({
    name: `blk.0.attn_q.weight.lora_${factor}`,
    shape: factor === "a" ? [4, 16] : [16, 4],
    values: Array.from({ length: 64 }, (_, index) => Math.sin(index + at)),
  }));
  const told = (more: object, names: readonly string[] = []) => {
    const others = names.map((name) => ({ name, shape: [2], values: [1, 2] }));
    return codes(
      { "a.gguf": ggufFile({ keys: { ...keys, ...more }, tensors: [...pair, ...others] }) },
      "/run/a.gguf",
    );
  };

  it("is not remarked upon where it says what is asked", async () => {
    expect(await told({})).toEqual([]);
    expect(await told({}, ["blk.0.attn_norm.weight"])).toEqual([]);
  });
  it("that says it is a model, or another adapter", async () => {
    expect(await told({ "general.type": "model" })).toEqual(["error AdapterKeys"]);
    expect(await told({ "adapter.type": "ia3" })).toEqual(["error AdapterKeys"]);
  });
  it("that holds another tensor", async () => {
    expect(await told({}, ["rope_freqs.weight"])).toEqual(["error AdapterNames"]);
  });
});
