import { describe, expect, it } from "vitest";
import { findAdapter } from "../../../../src/core/adapter/adapter";
import { parseAdapterConfig } from "../../../../src/core/adapter/adapterConfig";
import { parseLitgptSettings } from "../../../../src/core/adapter/settings/litgptSettings";
import { tensor } from "../adapterFile";

const yaml = `checkpoint_dir: checkpoints/org/model
precision: bf16-true
lora_r: 4
lora_alpha: 8
lora_dropout: 0.05
lora_query: KEY
lora_key: VALUE
lora_value: true
lora_mlp: false
data:
  class_path: litgpt.data.Alpaca
  lora_r: 99
`;

function adapterWith(query: boolean, key: boolean, shapeOfA: number[], shapeOfB: number[]) {
  const settings = parseLitgptSettings(yaml.replace("KEY", String(query)).replace("VALUE", String(key)));
  const names = ["a", "b"].map((part) => `model.transformer.h.0.attn.qkv.lora_${part.toUpperCase()}`);
  const tensors = [tensor(names[0] as string, shapeOfA), tensor(names[1] as string, shapeOfB)];
  return findAdapter(tensors, settings && parseAdapterConfig(settings), new Map());
}

describe("litgpt's hyperparameters.yaml", () => {
  it("gives rank, alpha and the parts that are adapted", () => {
    const found = adapterWith(true, false, [8, 16], [24, 4]);
    expect(found?.dialect).toBe("litgpt");
    expect(found?.modules).toMatchObject([
      { module: "model.transformer.h.0.attn.qkv (q)", rank: 4, alpha: 8, scale: 2, outFeatures: 16 },
      { module: "model.transformer.h.0.attn.qkv (v)", rank: 4, scale: 2, outFeatures: 8 },
    ]);
    const withoutQuery = adapterWith(false, true, [8, 16], [16, 4]);
    expect(withoutQuery?.modules.map(({ module, outFeatures }) => [module.at(-2), outFeatures])).toEqual([
      ["k", 8],
      ["v", 8],
    ]);
  });

  it("says nothing of a training without LoRA", () => {
    expect(parseLitgptSettings("checkpoint_dir: x\nprecision: bf16-true\n")).toBeUndefined();
  });
});
