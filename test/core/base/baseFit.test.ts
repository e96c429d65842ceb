import { describe, expect, it } from "vitest";
import { fitFindings } from "../../../src/core/base/baseFit";
import { findBaseModel } from "../../../src/core/base/baseModel";
import { baseProblems } from "../../../src/core/base/baseProblems";
import { CheckpointSession } from "../../../src/core/session/checkpointSession";
import { MemoryFiles } from "../../support/memoryFiles";
import { safetensorsFile } from "../../support/safetensorsFile";

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

  it.each(["model.language_model.", "language_model.model."])("is told the rename to %s", async (nesting) => {
    const found = await findings({ [`${nesting}layers.0.self_attn.q_proj.weight`]: [8, 16] });
    expect(found).toEqual([
      expect.objectContaining({
        severity: "error",
        code: "BaseModulesMissing",
        message: expect.stringContaining(`With "${nesting}" in place of "model." all 1 would fit`),
      }),
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
  expect(await findBaseModel(files, session, ["/hub"])).toBe(`${snapshots}/b`);
  expect(await findBaseModel(files, session)).toBeUndefined();
});
