import { describe, expect, it } from "vitest";
import { isJsonObject, parseJson } from "../../../src/core/json/parseJson";
import { peftConfigText } from "../../../src/core/transform/peftConfig";

function configOf(parent: Readonly<Record<string, unknown>>, modules: Parameters<typeof peftConfigText>[1]) {
  const { value } = parseJson(JSON.stringify(parent));
  if (!isJsonObject(value)) throw new Error("no object");
  return JSON.parse(peftConfigText(value, modules, {})) as Record<string, unknown>;
}

const written = (module: string, rank: number) => ({
  module,
  rank,
  scale: 2,
  norm: 1,
  probe: new Float64Array(),
});

describe("the configuration of a LoRA that was another method's", () => {
  // Fields that LoraConfig of PEFT 0.21 does not take are ignored by it with a warning of a newer PEFT.
  it("has no fields that only the other method has", () => {
    const parent = {
      ...{ peft_type: "C3A", block_size: 4, block_size_pattern: {}, init_weights: "xavier_uniform" },
      ...{ target_modules: ["q"], task_type: "CAUSAL_LM", modules_to_save: ["head"] },
    };
    const config = configOf(parent, [written("m.q", 2)]);
    expect(Object.keys(config)).not.toContain("block_size");
    expect(Object.keys(config)).not.toContain("init_weights");
    expect(config).toMatchObject({
      ...{
        peft_type: "LORA",
        target_modules: ["q"],
        task_type: "CAUSAL_LM",
        modules_to_save: ["head"],
        r: 2,
      },
    });
  });

  it("has a value where the other one said null and PEFT asks for one", () => {
    const config = configOf({ peft_type: "LORA", bias: null, lora_dropout: null, task_type: null }, [
      written("m.q", 2),
    ]);
    expect(config).toMatchObject({ bias: "none", lora_dropout: 0, task_type: null });
  });

  it("keeps LoRA's own, but AdaLoRA's budget", () => {
    const config = configOf({ peft_type: "ADALORA", lora_dropout: 0.1, target_r: 2 }, [written("m.q", 2)]);
    expect(config).toMatchObject({ lora_dropout: 0.1 });
    expect(Object.keys(config)).not.toContain("target_r");
  });
});

describe("the rank of a parameter that PEFT wraps", () => {
  it("stands under the path of the parameter", () => {
    const parent = { peft_type: "LORA", target_modules: [], target_parameters: ["q_proj.weight"] };
    const config = configOf(parent, [
      written("m.0.q_proj", 2),
      written("m.1.q_proj", 1),
      written("m.2.q_proj", 2),
    ]);
    expect(config).toMatchObject({ r: 2, rank_pattern: { "m.1.q_proj.weight": 1 } });
  });
});
