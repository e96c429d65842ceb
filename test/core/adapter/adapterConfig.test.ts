import { describe, expect, it } from "vitest";
import { configOf } from "./adapterFile";

describe("parseAdapterConfig", () => {
  it("reads what PEFT 0.18 writes", () => {
    const config = configOf(`{
      "alpha_pattern": {"^model.layers.0.self_attn.v_proj": 32, "down_proj": 2.5},
      "base_model_name_or_path": "tiny/base", "bias": "lora_only", "fan_in_fan_out": true,
      "init_lora_weights": "pissa_niter_16", "lora_alpha": 16, "modules_to_save": ["classifier", "score"],
      "peft_type": "LORA", "peft_version": "0.18.0", "r": 8, "rank_pattern": {"down_proj": 4}, "revision": "main",
      "target_modules": ["q_proj", "v_proj"], "target_parameters": ["mlp.experts.gate_up_proj"],
      "task_type": "CAUSAL_LM", "use_dora": true, "use_rslora": true, "some_future_field": {"a": 1}
    }`);
    expect(config).toMatchObject({
      peftType: "LORA",
      taskType: "CAUSAL_LM",
      baseModel: "tiny/base",
      revision: "main",
      r: 8,
      loraAlpha: 16,
      useRslora: true,
      useDora: true,
      fanInFanOut: true,
      bias: "lora_only",
      targetModules: ["q_proj", "v_proj"],
      targetParameters: ["mlp.experts.gate_up_proj"],
      modulesToSave: ["classifier", "score"],
      initLoraWeights: "pissa_niter_16",
      peftVersion: "0.18.0",
      mlx: undefined,
    });
    expect([...config.rankPattern]).toEqual([["down_proj", 4]]);
    expect([...config.alphaPattern]).toEqual([
      ["^model.layers.0.self_attn.v_proj", 32],
      ["down_proj", 2.5],
    ]);
  });

  it("reads target modules that are a regular expression", () => {
    expect(configOf('{"target_modules": ".*attn.*"}').targetModules).toBe(".*attn.*");
    expect(configOf('{"target_modules": null}').targetModules).toBeUndefined();
  });

  it("counts AdaLoRA's boolean lists under the module's path", () => {
    const config = configOf(`{"peft_type": "ADALORA", "init_r": 12, "target_r": 8, "rank_pattern": {
      "base_model.model.model.layers.0.q_proj.lora_E": [true, false, true],
      "model.layers.1.q_proj.lora_E.default": [[true], [true], [true]]}}`);
    expect([...config.rankPattern]).toEqual([
      ["model.layers.0.q_proj", 2],
      ["model.layers.1.q_proj", 3],
    ]);
    expect(config).toMatchObject({ peftType: "ADALORA", initR: 12 });
  });

  it("recognises mlx-lm's training configuration", () => {
    const config = configOf(`{"fine_tune_type": "dora", "model": "mlx-community/x", "num_layers": 16,
      "lora_parameters": {"rank": 8, "scale": 20.0, "dropout": 0.0, "keys": ["self_attn.q_proj"]}}`);
    expect(config).toMatchObject({ peftType: "LORA", baseModel: "mlx-community/x", r: 8, useDora: true });
    expect(config.mlx).toEqual({
      fineTuneType: "dora",
      rank: 8,
      scale: 20,
      alpha: undefined,
      layers: 16,
      keys: ["self_attn.q_proj"],
    });
    expect(configOf('{"fine_tune_type": "full", "num_layers": 4}').peftType).toBeUndefined();
    const old = configOf('{"lora_layers": 8, "lora_parameters": {"rank": 4, "alpha": 16, "scale": 10}}');
    expect(old.mlx).toEqual({ fineTuneType: "lora", rank: 4, scale: 10, alpha: 16, layers: 8 });
  });

  it("reads AdapterHub's settings", () => {
    const of = (settings: string) =>
      configOf(
        `{"config": ${settings}, "model_class": "RobertaAdapterModel", "model_name": "roberta-base", "name": "sst"}`,
      );
    expect(of('{"architecture": "lora", "r": 8, "alpha": 16, "attn_matrices": ["q", "v"]}')).toMatchObject({
      peftType: "LORA",
      baseModel: "roberta-base",
      r: 8,
      loraAlpha: 16,
    });
    expect(of('{"reduction_factor": 16}').peftType).toBe("BOTTLENECK");
  });

  it("takes whatever it is given", () => {
    for (const text of [
      "null",
      "[]",
      '"x"',
      "{}",
      '{"r": "8", "rank_pattern": [1], "alpha_pattern": {"q": "x"}}',
    ]) {
      const config = configOf(text);
      expect(config).toMatchObject({ peftType: undefined, r: undefined, modulesToSave: [], useDora: false });
      expect([config.rankPattern.size, config.alphaPattern.size]).toEqual([0, 0]);
    }
    const strange = configOf(
      '{"r": NaN, "lora_alpha": Infinity, "peft_type": "lora", "modules_to_save": ["a", 1]}',
    );
    expect(strange).toMatchObject({
      r: undefined,
      // What is written and cannot be used is not the default.
      loraAlpha: Number.POSITIVE_INFINITY,
      peftType: "LORA",
      modulesToSave: ["a"],
    });
    expect(configOf('{"lora_alpha": "16"}').loraAlpha).toBeNaN();
  });

  it("takes switches as Python does: PEFT 0.21 scales by the root of the rank for any text", () => {
    expect(configOf('{"peft_type": "LORA", "use_rslora": "true"}').useRslora).toBe(true);
    expect(configOf('{"peft_type": "LORA", "use_rslora": 0, "use_dora": null}')).toMatchObject({
      useRslora: false,
      useDora: false,
    });
  });
});
