import { describe, expect, it } from "vitest";
import { fitFindings } from "../../../src/core/base/baseFit";
import { findBaseModel } from "../../../src/core/base/baseModel";
import { baseProblems } from "../../../src/core/base/baseProblems";
import { CheckpointSession } from "../../../src/core/session/checkpointSession";
import { safetensorsFile } from "../../support/made/safetensorsFile";
import { MemoryFiles } from "../../support/memoryFiles";

function weights(shapes: Readonly<Record<string, readonly number[]>>): Uint8Array {
  const tensors = Object.entries(shapes).map(([name, shape]) => ({ name, dtype: "F32" as const, shape }));
  return safetensorsFile({ tensors });
}

const path = "model.layers.0.self_attn.q_proj";
const factors = {
  [`base_model.model.${path}.lora_A.weight`]: [2, 16],
  [`base_model.model.${path}.lora_B.weight`]: [8, 2],
};

async function findings(base: Readonly<Record<string, readonly number[]>>, saved = {}) {
  const files = new MemoryFiles({
    "/adapter/adapter_model.safetensors": weights({ ...factors, ...saved }),
    "/adapter/adapter_config.json": JSON.stringify({ peft_type: "LORA", r: 2, lora_alpha: 2 }),
    "/base/model.safetensors": weights(base),
  });
  const open = (folder: string) => CheckpointSession.open(files, folder, () => undefined);
  return fitFindings(await open("/adapter"), await open("/base"));
}

describe("an adapter over its base", () => {
  it("fits names and shapes, with or without the class in front", async () => {
    expect(await findings({ [`${path}.weight`]: [8, 16] })).toEqual([]);
    expect(await findings({ "layers.0.self_attn.q_proj.weight": [8, 16] })).toEqual([]);
  });

  it.each([
    [
      "without the class in front, for a task that has it",
      "",
      { task_type: "CAUSAL_LM" },
      'With "model." in front',
    ],
    ["for the network alone", "", { task_type: "FEATURE_EXTRACTION" }, undefined],
    ["behind a wrapper's name", "module.model.", {}, 'Without "module." in front it would fit'],
    ["of a larger model", "language_model.model.", {}, 'With "model." in place of "language_model.model."'],
    ["as torch.compile names it", "_orig_mod.model.", {}, "as its names stand"],
    ["as PEFT names it", "model.", { task_type: "CAUSAL_LM" }, undefined],
  ])("%s", async (_, place, more, told) => {
    const module = `base_model.model.${place}layers.0.self_attn.q_proj`;
    const files = new MemoryFiles({
      "/adapter/adapter_model.safetensors": weights({
        [`${module}.lora_A.weight`]: [2, 16],
        [`${module}.lora_B.weight`]: [8, 2],
      }),
      "/adapter/adapter_config.json": JSON.stringify({ peft_type: "LORA", r: 2, lora_alpha: 2, ...more }),
      "/base/model.safetensors": weights({ [`${path}.weight`]: [8, 16] }),
    });
    const session = await CheckpointSession.open(files, "/adapter", () => undefined);
    const [found] = await baseProblems(files, session, { given: "/base", isTold: true });
    expect([found?.severity, found?.code]).toEqual(
      told === undefined ? ["info", "BaseFits"] : ["error", "BaseModulesMissing"],
    );
    expect(found?.message).toContain(told ?? "module is in the base base");
  });

  it("of IA³ and other methods that change weights is held to their names too", async () => {
    const scaled = (layer: number, shape = [8, 1]) => ({
      [`base_model.model.model.layers.${layer}.self_attn.q_proj.ia3_l`]: shape,
    });
    const base = { [`${path}.weight`]: [8, 16] };
    expect(await findings(base, scaled(0))).toEqual([]);
    expect(await findings(base, scaled(0, [1, 16]))).toEqual([]);
    expect(await findings(base, scaled(0, [12, 1]))).toMatchObject([
      { severity: "error", code: "BaseShapes" },
    ]);
    expect((await findings(base, scaled(9))).map(({ message }) => message).join()).toContain(
      "1 of 2 modules are not in the base base, e.g. model.layers.9.self_attn.q_proj",
    );
  });

  it.each(["model.language_model.", "language_model.model."])("is told the rename to %s", async (nesting) => {
    const found = await findings({ [`${nesting}layers.0.self_attn.q_proj.weight`]: [8, 16] });
    expect(found).toEqual([
      expect.objectContaining({
        severity: "error",
        code: "BaseModulesMissing",
        message: expect.stringContaining(`With "${nesting}" in place of "model." it would fit`),
      }),
    ]);
  });

  it("of a tied head, of experts in other layouts and of quantised weights is at home", async () => {
    const adapterOver = async (
      module: string,
      base: Readonly<Record<string, readonly number[]>>,
      more = {},
    ) => {
      const files = new MemoryFiles({
        "/adapter/adapter_model.safetensors": weights({
          [`base_model.model.${module}.lora_A.weight`]: [2, 16],
          [`base_model.model.${module}.lora_B.weight`]: [8, 2],
        }),
        "/adapter/adapter_config.json": JSON.stringify({ peft_type: "LORA", r: 2, lora_alpha: 2, ...more }),
        "/base/model.safetensors": weights(base),
      });
      const open = (folder: string) => CheckpointSession.open(files, folder, () => undefined);
      return (await fitFindings(await open("/adapter"), await open("/base"))).map(({ code }) => code);
    };
    expect(await adapterOver("lm_head", { "model.embed_tokens.weight": [8, 16] })).toEqual([]);
    expect(await adapterOver("lm_head", { "model.norm.weight": [16] })).toEqual(["BaseModulesMissing"]);
    expect(await adapterOver(path, { [`${path}.W_q`]: [64] })).toEqual([]);
    const experts = "model.layers.0.mlp.experts";
    const fused = { [`${experts}.gate_up_proj`]: [2, 8, 16] };
    const config = { r: 1, target_parameters: ["mlp.experts.gate_up_proj"] };
    expect(await adapterOver(experts, fused, config)).toEqual([]);
    expect(await adapterOver(experts, { [`${experts}.0.up_proj.weight`]: [4, 16] }, config)).toEqual([]);
    expect(await adapterOver(experts, { [`${path}.weight`]: [8, 16] }, config)).toEqual([
      "BaseModulesMissing",
    ]);
    const tokens = { trainable_token_indices: [3, 8] };
    const embedding = { "model.embed_tokens.weight": [8, 16], [`${path}.weight`]: [8, 16] };
    expect(await adapterOver(path, embedding, tokens)).toEqual(["BaseVocabulary"]);
  });

  it.each([
    ["a file from before a rename that loaders make", "language_model.model.layers", {}, "info"],
    [
      "a multimodal file whose language model had no name of its own",
      "model.layers",
      { "visual.x": [1] },
      "info",
    ],
    ["a model without the other parts", "model.layers", {}, "error"],
  ])("under newer names over %s", async (_, layers, more, severity) => {
    const module = "base_model.model.model.language_model.layers.0.self_attn.q_proj";
    const files = new MemoryFiles({
      "/adapter/adapter_model.safetensors": weights({
        [`${module}.lora_A.weight`]: [2, 16],
        [`${module}.lora_B.weight`]: [8, 2],
      }),
      "/adapter/adapter_config.json": JSON.stringify({ peft_type: "LORA", r: 2, lora_alpha: 2 }),
      "/base/model.safetensors": weights({ [`${layers}.0.self_attn.q_proj.weight`]: [8, 16], ...more }),
    });
    const open = (folder: string) => CheckpointSession.open(files, folder, () => undefined);
    const found = fitFindings(await open("/adapter"), await open("/base"));
    expect(found.map((problem) => [problem.severity, problem.code])).toEqual([
      [severity, severity === "info" ? "BaseNamesOfFile" : "BaseModulesMissing"],
    ]);
  });

  it("has other shapes, or another vocabulary", async () => {
    expect(await findings({ [`${path}.weight`]: [8, 32] })).toMatchObject([
      { severity: "error", code: "BaseShapes" },
    ]);
    const found = await findings(
      { [`${path}.weight`]: [8, 16], "model.embed_tokens.weight": [10, 16] },
      { "base_model.model.model.embed_tokens.weight": [12, 16] },
    );
    expect(found).toMatchObject([{ severity: "warning", code: "BaseVocabulary" }]);
  });
});

it("the base that the configuration names is looked at where it is on this disk", async () => {
  const adapterOver = async (base: string, entries: Readonly<Record<string, Uint8Array>>) => {
    const config = { peft_type: "LORA", r: 2, lora_alpha: 2, base_model_name_or_path: base };
    const files = new MemoryFiles({
      "/adapter/adapter_model.safetensors": weights(factors),
      "/adapter/adapter_config.json": JSON.stringify(config),
      ...entries,
    });
    const session = await CheckpointSession.open(files, "/adapter", () => undefined);
    return baseProblems(files, session, { hubFolders: [] });
  };
  const narrow = { "/base/model.safetensors": weights({ [`${path}.weight`]: [8, 32] }) };
  expect(await adapterOver("/base", narrow)).toMatchObject([{ severity: "error", code: "BaseShapes" }]);
  const cut = { "/base/model.safetensors": Uint8Array.of(1, 2, 3) };
  expect(await adapterOver("/base", cut)).toMatchObject([{ severity: "warning", code: "BaseUnreadable" }]);
  expect(await adapterOver("owner/name", narrow)).toEqual([]);
});

it("a base on the hub is found in the cache, its revision first", async () => {
  const config = { peft_type: "LORA", base_model_name_or_path: "owner/name", revision: "b" };
  const snapshots = "/hub/models--owner--name/snapshots";
  const files = new MemoryFiles({
    "/adapter/adapter_model.safetensors": weights(factors),
    "/adapter/adapter_config.json": JSON.stringify(config),
    [`${snapshots}/a/model.safetensors`]: weights({ x: [1] }),
    [`${snapshots}/b/model.safetensors`]: weights({ x: [1] }),
  });
  const session = await CheckpointSession.open(files, "/adapter", () => undefined);
  expect(await findBaseModel(files, session, { hubFolders: ["/hub"] })).toBe(`${snapshots}/b`);
  expect(await findBaseModel(files, session)).toBeUndefined();
});
