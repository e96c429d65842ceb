import { describe, expect, it } from "vitest";
import { findAdapter } from "../../../src/core/adapter/adapter";
import type { AdapterConfig } from "../../../src/core/adapter/adapterConfig";
import type { Tensor } from "../../../src/core/tensors/tensor";
import { configOf, moduleNamed, openFixture, pair, tensor } from "./adapterFile";

function find(tensors: readonly Tensor[], config?: AdapterConfig, metadata: Record<string, string> = {}) {
  return findAdapter(tensors, config, new Map(Object.entries(metadata)));
}

function adapterOf(
  tensors: readonly Tensor[],
  config?: AdapterConfig,
  metadata: Record<string, string> = {},
) {
  const adapter = find(tensors, config, metadata);
  if (adapter === undefined) throw new Error("No adapter was found.");
  return adapter;
}

const lora = configOf('{"peft_type": "LORA", "r": 8, "lora_alpha": 16}');
const names = (tensors: readonly Tensor[]) => tensors.map(({ name }) => name);

describe("findAdapter", () => {
  it("finds none in a model", () => {
    const model = ["model.embed_tokens.weight", "snake.alpha", "x.m", "lm_head.weight"].map((name) =>
      tensor(name, [4, 4]),
    );
    expect(find(model)).toBeUndefined();
    expect(find([])).toBeUndefined();
    expect(find(model, configOf('{"fine_tune_type": "full"}'))).toBeUndefined();
  });

  it.each([
    ["peft_f32", "peft", "LORA"],
    ["peft_layers", "peft", "LORA"],
    ["peft_dump", "peft", "LORA"],
    ["peft_adalora", "peft", "ADALORA"],
    ["mlx", "mlx", "LORA"],
    ["kohya", "kohya", "LORA"],
    ["diffusers", "diffusers", "LORA"],
  ])("knows the dialect and method of %s", (file, dialect, method) => {
    expect(openFixture(file).adapter).toMatchObject({ dialect, method, unpaired: [], otherTensors: [] });
  });

  it("knows other dialects by their names", () => {
    const comfy = ["diffusion_model.qkv.lora_A.weight", "diffusion_model.qkv.lora_B.weight"];
    expect(adapterOf(comfy.map((name) => tensor(name, [4, 4]))).dialect).toBe("comfyui");
    const torchtune = adapterOf([
      tensor("layers.0.q.lora_a.weight", [4, 9]),
      tensor("layers.0.q.lora_b.weight", [7, 4]),
    ]);
    expect(torchtune).toMatchObject({
      dialect: "torchtune",
      modules: [{ layout: "linear", inFeatures: 9, outFeatures: 7 }],
    });
    const gguf = adapterOf(
      [
        tensor("blk.0.attn_q.weight.lora_a", [4, 9]),
        tensor("blk.0.attn_q.weight.lora_b", [7, 4]),
        tensor("token_embd.weight.lora_a", [50, 4]),
        tensor("token_embd.weight.lora_b", [7, 4]),
      ],
      undefined,
      { "general.type": "adapter", "adapter.lora.alpha": "8" },
    );
    expect(gguf).toMatchObject({
      dialect: "gguf",
      modules: [
        { layout: "linear", rank: 4, scale: 2, scaleSource: "ggufMetadata" },
        { layout: "embedding", rank: 4, inFeatures: 50, outFeatures: 7 },
      ],
    });
    const transformers = adapterOf(pair("transformer.h.0.attn.c_attn", 8, 24, 72), lora);
    expect(transformers).toMatchObject({
      dialect: "peft",
      modules: [{ module: "transformer.h.0.attn.c_attn" }],
    });
  });

  it("keeps what was saved whole apart", () => {
    const { adapter } = openFixture("peft_layers");
    expect(names(adapter.savedTensors)).toEqual([
      "base_model.model.classifier.weight",
      "base_model.model.classifier.bias",
    ]);
  });

  it("says which factor has no partner", () => {
    const [a, b] = pair("model.q", 8, 24, 16) as [Tensor, Tensor];
    const orphan = tensor("base_model.model.model.k.lora_B.weight", [16, 8]);
    const bias = tensor("base_model.model.model.v.lora_B.bias", [16]);
    const adapter = adapterOf([a, b, orphan, bias], lora);
    expect(adapter.modules).toHaveLength(1);
    expect(names(adapter.unpaired)).toEqual([orphan.name, bias.name]);
    expect(adapter.problems).toEqual([
      {
        severity: "warning",
        code: "LoraUnpaired",
        message: `${orphan.name} has no down-projection (lora_A) beside it. The file may be cut or mixed.`,
        tensor: orphan.name,
      },
    ]);
  });

  it("lists many findings of one kind only in part", () => {
    const orphans = Array.from({ length: 50 }, (_, i) => tensor(`layers.${i}.q.lora_A.weight`, [8, 24]));
    const { problems, unpaired } = adapterOf(orphans, lora);
    expect(unpaired).toHaveLength(50);
    expect(problems).toHaveLength(21);
    expect(problems[20]?.message).toContain("30 more");
  });

  it("refuses shapes that do not belong together", () => {
    const mismatched = adapterOf([
      tensor("q.lora_A.weight", [8, 24]),
      tensor("q.lora_B.weight", [16, 4]),
      tensor("v.lora_A.weight", [8]),
      tensor("v.lora_B.weight", [16, 8]),
    ]);
    expect(mismatched.modules).toEqual([]);
    expect(mismatched.unpaired).toHaveLength(4);
    expect(mismatched.problems.map(({ code }) => code)).toEqual(["LoraShapeMismatch", "LoraShapeMismatch"]);
  });

  it("tells a grouped convolution of PEFT, whose B is within the groups, from factors that do not belong together", () => {
    const factors = [tensor("c.lora_A.weight", [8, 4, 3, 3]), tensor("c.lora_B.weight", [16, 4, 1, 1])];
    const grouped = adapterOf(factors, lora);
    expect(grouped.problems.map(({ code }) => code)).toEqual(["GroupedConvolution"]);
    expect(grouped.problems[0]?.message).toContain("a convolution of 2 groups");
    expect([grouped.unpaired, grouped.otherTensors.length]).toEqual([[], 2]);
    // Of another rank than the configured one, or of none that is known, it may be a factor that was cut.
    expect(adapterOf(factors).problems[0]?.code).toBe("LoraShapeMismatch");
  });

  it("names methods that are no product of two factors, by configuration or by their tensors", () => {
    const prompt = adapterOf(
      [tensor("prompt_embeddings", [15, 64])],
      configOf('{"peft_type": "PROMPT_TUNING"}'),
    );
    expect(prompt).toMatchObject({
      method: "PROMPT_TUNING",
      modules: [],
      otherTensors: [{ name: "prompt_embeddings" }],
    });
    expect(prompt.problems).toEqual([
      {
        severity: "info",
        code: "AdapterMethod",
        message:
          "Prompt tuning trains virtual tokens and changes no weights. " +
          "Its tensors are listed; update spectra and comparisons are not available.",
      },
    ]);
    const future = adapterOf(
      pair("q", 8, 24, 16),
      configOf('{"peft_type": "NEWLORA", "modules_to_save": ["head"]}'),
    );
    expect(future).toMatchObject({ method: "NEWLORA", modules: [], savedTensors: [] });
    const ia3 = adapterOf(
      [tensor("base_model.model.k.ia3_l", [16, 1]), tensor("base_model.model.head.weight", [2, 4])],
      configOf('{"peft_type": "IA3", "modules_to_save": ["head"]}'),
    );
    expect(names(ia3.savedTensors)).toEqual(["base_model.model.head.weight"]);
    expect(find([tensor("model.diff", [4, 4]), tensor("block.a_norm", [4])])).toBeUndefined();
  });

  it("compares the LoRA modules of a file that also holds another method", () => {
    const mixed = adapterOf(
      [
        ...pair("q", 8, 24, 16),
        tensor("base_model.model.embed.token_adapter.trainable_tokens_delta", [3, 16]),
      ],
      lora,
    );
    expect(mixed.modules).toHaveLength(1);
    expect(mixed).toMatchObject({ method: "LORA", otherTensors: [{ shape: [3, 16] }] });
    expect(mixed.problems[0]).toMatchObject({
      code: "TrainableTokens",
      message: "3 rows of embed are trained besides and saved whole: they replace the rows of the base.",
    });
  });

  it("says when the configuration announces a LoRA that is not there", () => {
    const adapter = adapterOf([tensor("model.embed_tokens.weight", [50, 16])], lora);
    expect(adapter).toMatchObject({ modules: [], method: "LORA" });
    expect(adapter.problems.map(({ code }) => code)).toEqual(["LoraWithoutFactors"]);
  });

  it("tells several adapters in one file apart", () => {
    const tensors = ["speech", "vision"].flatMap((name) => [
      tensor(`layers.0.q.lora_A.${name}.weight`, [8, 24]),
      tensor(`layers.0.q.lora_B.${name}.weight`, [16, 8]),
    ]);
    const adapter = adapterOf(tensors, lora);
    expect(adapter.modules.map(({ module, adapterName }) => [module, adapterName])).toEqual([
      ["layers.0.q (speech)", "speech"],
      ["layers.0.q (vision)", "vision"],
    ]);
    expect(adapter.problems.map(({ code }) => code)).toEqual(["SeveralAdapters"]);
  });

  it("takes experts as what they are", () => {
    const config = configOf(
      '{"peft_type": "LORA", "r": 8, "lora_alpha": 16, "target_parameters": ["mlp.experts.down_proj"]}',
    );
    const peft = adapterOf(pair("model.layers.0.mlp.experts.base_layer", 32, 24, 16), config);
    expect(peft.modules[0]).toMatchObject({ layout: "experts", rank: 8, scale: 2 });
    expect(peft.problems.map(({ code }) => code)).toEqual(["LoraExperts"]);
    const mlx = adapterOf([
      tensor("switch_mlp.up.lora_a", [4, 8, 24]),
      tensor("switch_mlp.up.lora_b", [4, 16, 8]),
    ]);
    expect(mlx.modules[0]).toMatchObject({ layout: "experts", rank: 8, inFeatures: 24, outFeatures: 16 });
  });

  it("keeps the first of two tensors that claim one place", () => {
    const tensors = [...pair("q", 8, 24, 16), tensor("q.lora_A.weight", [8, 24])];
    expect(names(adapterOf(tensors, lora).unpaired)).toEqual(["q.lora_A.weight"]);
  });

  it("mentions what the recipe means for the numbers", () => {
    const pissa = configOf(
      '{"peft_type": "LORA", "init_lora_weights": "pissa_niter_4", "r": 8, "lora_alpha": 8}',
    );
    expect(adapterOf(pair("q", 8, 24, 16), pissa).problems.map(({ code }) => code)).toEqual([
      "LoraModifiedBase",
    ]);
    const { problems } = openFixture("peft_layers").adapter;
    expect(problems.map(({ code }) => code)).toEqual([
      "LoraDora",
      "LoraVariant",
      "DoraWithoutMagnitudes",
      "AdapterShares",
    ]);
  });

  it("pairs 10,000 modules", () => {
    const tensors = Array.from({ length: 10_000 }, (_, i) =>
      pair(`layers.${i >> 3}.p${i & 7}`, 16, 4096, 4096),
    ).flat();
    const patterns = Array.from({ length: 10_000 }, (_, i) => `"layers.${i >> 3}.p${i & 7}": 16`).join();
    const config = configOf(`{"peft_type": "LORA", "r": 8, "lora_alpha": 16, "rank_pattern": {${patterns}}}`);
    const adapter = adapterOf(tensors, config);
    expect(adapter.modules).toHaveLength(10_000);
    expect(adapter.problems).toEqual([]);
  });
});

describe("the scale", () => {
  it("is alpha over the rank of the tensors, and the disagreement is said", () => {
    const tensors = [
      ...pair("model.q", 16, 24, 32),
      ...pair("model.k", 16, 24, 32),
      ...pair("model.v", 8, 24, 32),
    ];
    const adapter = adapterOf(tensors, lora);
    expect(adapter.modules.map(({ rank, alpha, scale }) => [rank, alpha, scale])).toEqual([
      [16, 16, 1],
      [16, 16, 1],
      [8, 16, 2],
    ]);
    expect(adapter.problems).toEqual([
      {
        severity: "warning",
        code: "LoraRankMismatch",
        message:
          "model.q has rank 16 in its tensors and 8 in the configuration, and so do 1 more. " +
          "The tensors are believed; the scale is computed with their rank.",
      },
    ]);
  });

  it("is divided by the root of the rank for rsLoRA", () => {
    const config = configOf('{"peft_type": "LORA", "r": 16, "lora_alpha": 16, "use_rslora": true}');
    expect(adapterOf(pair("q", 16, 24, 32), config).modules[0]).toMatchObject({
      scale: 4,
      scaleSource: "config",
    });
  });

  it("is looked for from the module outwards", () => {
    const alpha = tensor("q.alpha", []);
    const plain = [tensor("q.lora_A.weight", [4, 8]), tensor("q.lora_B.weight", [8, 4])];
    const metadata = { ss_network_alpha: "2", ss_network_dim: "4" };
    const pattern = configOf('{"peft_type": "LORA", "r": 4, "lora_alpha": 16, "alpha_pattern": {"q": 12}}');
    const sourceOf = (...args: Parameters<typeof adapterOf>) => {
      const { alpha, scale, scaleSource } = moduleNamed(adapterOf(...args), "q");
      return [scaleSource, alpha, scale];
    };
    expect(sourceOf([...plain, alpha], pattern, metadata)).toEqual(["alphaTensor", undefined, undefined]);
    expect(sourceOf(plain, pattern, metadata)).toEqual(["alphaPattern", 12, 3]);
    expect(sourceOf(plain, configOf('{"peft_type": "LORA", "lora_alpha": 16, "r": 4}'), metadata)).toEqual([
      "config",
      16,
      4,
    ]);
    expect(sourceOf(plain, configOf('{"peft_type": "LORA", "r": 4}'), metadata)).toEqual([
      "configDefault",
      8,
      2,
    ]);
    expect(sourceOf(plain, undefined, metadata)).toEqual(["kohyaMetadata", 2, 0.5]);
    expect(sourceOf(plain, undefined, { ss_network_alpha: "Dynamic" })).toEqual(["assumed", 4, 1]);
    expect(sourceOf(plain, undefined, { lora_adapter_metadata: "not JSON" })).toEqual(["assumed", 4, 1]);
  });

  it("is assumed aloud when nothing says it", () => {
    const adapter = adapterOf(pair("q", 4, 8, 8));
    expect(adapter.problems).toEqual([
      {
        severity: "info",
        code: "LoraScaleAssumed",
        message: "No alpha or scale was found for 1 module; a scale of 1 is assumed.",
      },
    ]);
  });

  it("is mlx-lm's own, or its default", () => {
    const tensors = [tensor("q.lora_a", [24, 8]), tensor("q.lora_b", [8, 16])];
    expect(adapterOf(tensors).modules[0]).toMatchObject({
      scale: 20,
      alpha: undefined,
      scaleSource: "assumed",
    });
    const old = configOf('{"lora_parameters": {"rank": 8, "alpha": 16, "scale": 10}}');
    expect(adapterOf(tensors, old).modules[0]).toMatchObject({
      scale: 20,
      alpha: 16,
      scaleSource: "mlxConfig",
    });
    // Square modules fit both readings; MLX's is the one its names mean.
    const square = [tensor("q.lora_a", [64, 8]), tensor("q.lora_b", [8, 64])];
    expect(adapterOf(square).modules[0]).toMatchObject({ layout: "mlx", rank: 8 });
    const standard = [tensor("q.lora_a", [8, 24]), tensor("q.lora_b", [16, 8])];
    expect(adapterOf(standard).modules[0]).toMatchObject({ layout: "linear", rank: 8, inFeatures: 24 });
  });

  it("is zero for a rank of zero", () => {
    expect(adapterOf(pair("q", 0, 24, 16), lora).modules[0]).toMatchObject({ rank: 0, scale: 0 });
  });
});
