import { describe, expect, it } from "vitest";
import { fitFindings } from "../../../src/core/base/baseFit";
import { CheckpointSession } from "../../../src/core/session/checkpointSession";
import { safetensorsFile } from "../../support/made/safetensorsFile";
import { MemoryFiles } from "../../support/memoryFiles";

function weights(names: readonly string[]): Uint8Array {
  const shape = (name: string) =>
    name.includes("lora_A") ? [2, 8] : name.includes("lora_B") ? [8, 2] : [8, 8];
  return safetensorsFile({
    tensors: names.map((name) => ({ name, dtype: "F32" as const, shape: shape(name) })),
  });
}

function ofLora(modules: readonly string[]): readonly string[] {
  return modules.flatMap((module) =>
    ["A", "B"].map((factor) => `base_model.model.${module}.lora_${factor}.weight`),
  );
}

const layers = (stack: string, kinds: readonly string[], numbers: readonly number[]) =>
  numbers.flatMap((number) => kinds.map((kind) => `${stack}.${number}.${kind}`));

const qkvo = ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj"];
const qv = ["self_attn.q_proj", "self_attn.v_proj"];

interface Case {
  readonly adapter: readonly string[];
  readonly base: readonly string[];
  readonly settings: object;
  readonly model?: object;
}

async function told({ adapter, base, settings, model }: Case) {
  const files = new MemoryFiles({
    "/adapter/adapter_model.safetensors": weights(ofLora(adapter)),
    "/adapter/adapter_config.json": JSON.stringify({ peft_type: "LORA", r: 2, lora_alpha: 2, ...settings }),
    "/base/model.safetensors": weights(base.map((path) => `${path}.weight`)),
    ...(model === undefined ? {} : { "/base/config.json": JSON.stringify(model) }),
  });
  const open = (folder: string) => CheckpointSession.open(files, folder, () => undefined);
  const found = fitFindings(await open("/adapter"), await open("/base"));
  return found.filter(({ code }) => code === "BaseModulesUnadapted").map(({ message }) => message);
}

// What PEFT selects: tuners_utils.py, check_target_module_exists.
describe("modules of the base that the configuration selects", () => {
  const base = [...layers("model.layers", qkvo, [0, 1, 2]), "model.embed_tokens", "lm_head"];

  it.each<[string, string, Case]>([
    [
      "a list, one module gone",
      "1 of them: model.layers.1.self_attn.v_proj",
      {
        adapter: layers("model.layers", qv, [0, 1, 2]).filter((path) => !path.endsWith("1.self_attn.v_proj")),
        base,
        settings: { target_modules: ["q_proj", "v_proj"] },
      },
    ],
    [
      "an expression, the last layer gone",
      "first model.layers.2.self_attn.q_proj",
      {
        adapter: layers("model.layers", qv, [0, 1]),
        base,
        settings: { target_modules: ".*\\.self_attn\\.(q_proj|v_proj)" },
      },
    ],
    [
      "all-linear, one kind gone",
      "3 of them",
      {
        adapter: layers("model.layers", qkvo.slice(0, 3), [0, 1, 2]),
        base,
        settings: { target_modules: "all-linear" },
      },
    ],
    [
      "the head gone",
      "1 of them: lm_head",
      {
        adapter: layers("model.layers", qv, [0, 1, 2]),
        base,
        settings: { target_modules: ["q_proj", "v_proj", "lm_head"] },
      },
    ],
    [
      "layers that are chosen",
      "1 of them: model.layers.2.self_attn.v_proj",
      {
        adapter: [
          "model.layers.1.self_attn.q_proj",
          ...layers("model.layers", qv, [2]).slice(0, 1),
          "model.layers.1.self_attn.v_proj",
        ],
        base,
        settings: {
          target_modules: ["q_proj", "v_proj"],
          layers_to_transform: [1, 2],
          layers_pattern: "layers",
        },
      },
    ],
    [
      "a file without the class in front",
      "first model.layers.2.self_attn.q_proj",
      {
        adapter: layers("model.layers", qv, [0, 1]),
        base: layers("layers", qkvo, [0, 1, 2]),
        settings: { target_modules: ["q_proj", "v_proj"] },
      },
    ],
  ])("tells %s", async (_, part, one) => {
    const found = await told(one);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(part);
  });

  it.each<[string, Case]>([
    [
      "what is excluded",
      {
        adapter: layers("model.layers", qv, [0, 2]),
        base,
        settings: { target_modules: ["q_proj", "v_proj"], exclude_modules: ".*layers\\.1\\..*" },
      },
    ],
    [
      "a head that is adapted",
      {
        adapter: [...layers("model.layers", qv, [0, 1, 2]), "lm_head"],
        base,
        settings: { target_modules: ["q_proj", "v_proj", "lm_head"] },
      },
    ],
    [
      "targets that the base does not have",
      {
        adapter: layers("model.layers", qv, [0, 1, 2]),
        base,
        settings: { target_modules: ["q_proj", "v_proj", "c_attn", "w1"] },
      },
    ],
    [
      "a tower that the model may not have had",
      {
        adapter: layers("model.layers", qv, [0, 1, 2]),
        base: [...base, ...layers("vision_tower.encoder.layers", qv, [0, 1])],
        settings: { target_modules: ["q_proj", "v_proj"] },
      },
    ],
    [
      "layers that transformers does not load",
      {
        adapter: layers("model.layers", qv, [0, 1]),
        base: [...base, "model.layers.3.eh_proj", ...layers("model.layers", qv, [3])],
        settings: { target_modules: ["q_proj", "v_proj"] },
        model: { num_hidden_layers: 2 },
      },
    ],
    [
      "what is saved whole",
      {
        adapter: layers("model.layers", qv, [0, 1, 2]),
        base,
        settings: { target_modules: ["q_proj", "v_proj", "lm_head"], modules_to_save: ["lm_head"] },
      },
    ],
    [
      "parts that the model calls otherwise than its file",
      {
        adapter: ["layers.0.attention.q_proj"],
        base: ["encoder.layer.0.attention.attention.query", "encoder.layer.0.attention.output.dense"],
        settings: { target_modules: ["q_proj", "dense"] },
      },
    ],
    [
      "single experts that are loaded as one",
      {
        adapter: layers("model.layers", qkvo, [0, 1, 2]),
        base: [...base, "model.layers.0.mlp.experts.0.up_proj"],
        settings: { target_modules: "all-linear" },
      },
    ],
  ])("passes over %s", async (_, one) => {
    expect(await told(one)).toEqual([]);
  });
});

// PEFT 0.21 loads such an adapter without a word, with the biases of the base.
it("a norm that LN tuning selects and of which the file holds nothing", async () => {
  const norms = ["model.layers.0.input_layernorm", "model.layers.1.input_layernorm"];
  const vectors = (names: readonly string[]) =>
    safetensorsFile({ tensors: names.map((name) => ({ name, dtype: "F32" as const, shape: [8] })) });
  const lost = async (held: readonly string[]) => {
    const files = new MemoryFiles({
      "/adapter/adapter_model.safetensors": vectors(
        held.map((norm) => `base_model.model.${norm}.ln_tuning_layers.weight`),
      ),
      "/adapter/adapter_config.json": JSON.stringify({
        peft_type: "LN_TUNING",
        target_modules: ["input_layernorm"],
      }),
      "/base/model.safetensors": vectors(norms.map((norm) => `${norm}.weight`)),
    });
    const open = (folder: string) => CheckpointSession.open(files, folder, () => undefined);
    return fitFindings(await open("/adapter"), await open("/base")).map(({ code }) => code);
  };
  expect(await lost(norms)).toEqual([]);
  expect(await lost(norms.slice(0, 1))).toEqual(["BaseModulesUnadapted"]);
});

it("biases that the configuration says were trained, of a base that has some", async () => {
  const found = async (bias: string, saved: readonly string[], base: readonly string[]) => {
    const files = new MemoryFiles({
      "/adapter/adapter_model.safetensors": weights([
        ...ofLora(["model.layers.0.self_attn.q_proj"]),
        ...saved,
      ]),
      "/adapter/adapter_config.json": JSON.stringify({ peft_type: "LORA", r: 2, lora_alpha: 2, bias }),
      "/base/model.safetensors": weights(base.map((name) => `model.layers.0.self_attn.q_proj.${name}`)),
    });
    const open = (folder: string) => CheckpointSession.open(files, folder, () => undefined);
    return fitFindings(await open("/adapter"), await open("/base")).map(({ code }) => code);
  };
  const own = ["base_model.model.model.layers.0.self_attn.q_proj.bias"];
  expect(await found("lora_only", [], ["weight", "bias"])).toEqual(["BiasesMissing"]);
  expect(await found("lora_only", own, ["weight", "bias"])).toEqual([]);
  expect(await found("all", [], ["weight"])).toEqual([]);
  expect(await found("none", [], ["weight", "bias"])).toEqual([]);
});
