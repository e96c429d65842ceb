import { describe, expect, it } from "vitest";
import { CheckpointSession } from "../../../src/core/session/checkpointSession";
import { torchArchive } from "../../core/formats/torch/torchPickle";
import {
  adapterConfig,
  adapterOf,
  factors,
  healthOf,
  modelOf,
  module,
  type Shapes,
  weights,
} from "../../support/healthOf";
import { MemoryFiles } from "../../support/memoryFiles";

const config = {
  architectures: ["LlamaForCausalLM"],
  model_type: "llama",
  num_hidden_layers: 1,
  hidden_size: 8,
  vocab_size: 10,
  num_attention_heads: 4,
  num_key_value_heads: 2,
};
const model: Shapes = {
  "model.embed_tokens.weight": [10, 8],
  "model.layers.0.self_attn.q_proj.weight": [8, 8],
  "model.layers.0.self_attn.k_proj.weight": [4, 8],
  "model.norm.weight": [8],
  "lm_head.weight": [10, 8],
};
const told = async (entries: Readonly<Record<string, string | Uint8Array>>, path?: string) =>
  (await healthOf(entries, path)).problems
    .filter(({ code }) => code !== "Serving" && code !== "PeftVersion" && code !== "LoraDora")
    .map(({ severity, code }) => `${severity} ${code}`);

describe("what people reported of weights", () => {
  it("nothing of a model that is as its configuration says", async () => {
    expect(await told(modelOf(model, config))).toEqual([]);
  });

  it.each([
    ["fewer heads of keys than the configuration says", { num_key_value_heads: 4 }],
    ["heads of another width", { head_dim: 4 }],
  ])("%s", async (_, changed) => {
    const found = await told(modelOf(model, { ...config, ...changed }));
    expect(found[0]).toBe("warning ConfigDisagrees");
  });

  it("no heads of an architecture whose queries are more than heads", async () => {
    expect(await told(modelOf(model, { ...config, model_type: "qwen3_next", head_dim: 4 }))).toEqual([]);
  });

  it.each([
    [
      "layers for further tokens that nobody saved",
      model,
      { num_nextn_predict_layers: 1 },
      "info PredictionMissing",
    ],
    [
      "nothing of those that are there",
      { ...model, "mtp.norm.weight": [8] },
      { mtp_num_hidden_layers: 1 },
      undefined,
    ],
    ["F32 where the configuration says 16 bits", model, { torch_dtype: "bfloat16" }, "info WiderThanConfig"],
    ["nothing of the dtype that it says", model, { dtype: "float32" }, undefined],
    [
      "a multimodal model below the configuration of its language model",
      {
        ...Object.fromEntries(
          Object.entries(model).map(([name, shape]) => [`language_model.${name}`, shape]),
        ),
        "vision_tower.embeddings.weight": [4, 4],
      },
      { model_type: "gemma3_text" },
      "warning ConfigOfPart",
    ],
  ])("%s", async (_, tensors, more, code) => {
    expect(await told(modelOf(tensors, { ...config, ...more }))).toEqual(code === undefined ? [] : [code]);
  });

  it.each(["module.", "pretrained_model.", "_forward_module.", "actor."])(
    "names that begin with %s, of which transformers finds none",
    async (prefix) => {
      const wrapped = Object.fromEntries(
        Object.entries(model).map(([name, shape]) => [prefix + name, shape]),
      );
      const { problems } = await healthOf(modelOf(wrapped, config));
      expect(problems.map(({ code }) => code)).toContain("WrappedNames");
      expect(problems[0]?.message).toMatch(/the first is (?:model|lm_head)\./);
    },
  );

  it("an archive of torch under the name of safetensors, and the reverse", async () => {
    expect(await told({ "model.safetensors": torchArchive("N") })).toContain("error NamedOtherwise");
    expect(await told({ "pytorch_model.bin": weights(model) })).toEqual(["warning NamedOtherwise"]);
  });

  it("one cause of weights that were not gathered", async () => {
    const empty = Object.fromEntries(Object.keys(model).map((name) => [name, [0]]));
    expect(await told(modelOf(empty, config))).toEqual(["error NoValues"]);
  });
});

describe("what people reported of files beside the weights", () => {
  it.each([
    ["added_tokens.json", { "<a>": 9, "<b>": 10, "<c>": 11 }],
    ["tokenizer_config.json", { added_tokens_decoder: { 10: { content: "<b>" }, 11: { content: "<c>" } } }],
    [
      "tokenizer.json",
      {
        added_tokens: [
          { id: 10, content: "<b>" },
          { id: 11, content: "]" },
        ],
        normalizer: null,
        model: {},
      },
    ],
  ])("tokens of %s that the embedding has no row for", async (name, value) => {
    const { problems } = await healthOf({ ...modelOf(model, config), [name]: JSON.stringify(value) });
    expect(problems.map(({ message }) => message)).toEqual([
      'The tokenizer has "<b>" (id 10) and 1 more, model.embed_tokens.weight has 10 rows: text with such a token has no embedding. Resize the embedding to 12 rows, or take the tokenizer that belongs to it.',
    ]);
  });

  it("no token that has a row, and no file that is none", async () => {
    const beside = {
      "added_tokens.json": '{"<a>": 9, "<image_soft_token>": 10}',
      "tokenizer.json": '{"added_tokens": [',
      "tokenizer_config.json": "[]",
    };
    expect(await told({ ...modelOf(model, config), ...beside })).toEqual([]);
  });

  it("a download that has not ended", async () => {
    expect(await told({ ...modelOf(model, config), "model.safetensors.aria2": "x" })).toEqual([
      "error UnfinishedDownload",
    ]);
  });

  it("the same weights under a second name, and as shards of another save", async () => {
    expect(await told({ ...adapterOf(factors), "adapter_model.bin": torchArchive("N") })).toContain(
      "info TwoCopies",
    );
    const shards = [1, 2].map((at) => [`model-0000${at}-of-00002.safetensors`, weights({ [`t${at}`]: [2] })]);
    expect(await told({ ...modelOf(model, config), ...Object.fromEntries(shards) })).toEqual([
      "warning TwoModels",
    ]);
  });

  it("a folder that is named after another step", async () => {
    const files = new MemoryFiles(
      Object.fromEntries(
        Object.entries({ ...adapterOf(factors), "trainer_state.json": '{"global_step": 40}' }).map(
          ([name, content]) => [`/run/checkpoint-30/${name}`, content],
        ),
      ),
    );
    const session = await CheckpointSession.open(files, "/run/checkpoint-30", () => undefined);
    const steps = (await session.resume()).checks.find(({ what }) => what === "Steps agree");
    expect(steps?.reason).toContain("trainer_state.json says step 40, but the folder's name says 30");
  });
});

describe("what people reported of adapters", () => {
  it("magnitudes that are not one for each output", async () => {
    const of = (count: number) => ({ ...factors, [`${module}.lora_magnitude_vector`]: [count] });
    const dora = { ...adapterConfig, use_dora: true };
    expect(await told(adapterOf(of(16), dora))).toEqual([]);
    expect(await told(adapterOf(of(8), dora))).toEqual(["error LoraShapeMismatch"]);
  });

  it("a scale of 0", async () => {
    expect(await told(adapterOf(factors, { ...adapterConfig, lora_alpha: 0 }))).toContain(
      "warning LoraScaleZero",
    );
  });

  it("adapters in folders of their own, of which the reference was not trained", async () => {
    const each = (folder: string) =>
      Object.entries(adapterOf(factors)).map(([name, content]) => [`${folder}/${name}`, content] as const);
    const entries = Object.fromEntries([...each("reference"), ...each("policy")]);
    const { session, problems } = await healthOf({ ...entries, "trainer_state.json": '{"global_step": 5}' });
    expect(problems.map(({ message }) => message)).toEqual([
      "The checkpoint holds 2 adapters, each in a folder of its own: policy, reference. This is policy.",
    ]);
    expect(session.checkpoint.path).toBe("/run/policy/adapter_model.safetensors");
    expect(session.adapter?.modules[0]).toMatchObject({ scale: 2, rank: 8 });
    expect(session.summary().progress?.step).toBe(5);
  });
});

describe("what people reported of parts that are trained alone", () => {
  it.each([
    [["<cat>"], 'Textual inversion of 1 token: "<cat>"'],
    [["clip_g", "clip_l"], "Textual inversion of a token"],
    [["<cat>", "to_q.weight"], "Model weights"],
  ])("rows for new tokens (%s)", async (names, headline) => {
    const shapes = Object.fromEntries(names.map((name) => [name, [1, 8]]));
    const { session } = await healthOf({ "learned_embeds.safetensors": weights(shapes) });
    expect(session.summary().headline[0]).toBe(headline);
  });

  it("an embedding under the name of the whole model", async () => {
    const { "model.embed_tokens.weight": rows, "lm_head.weight": head } = model;
    const ends = { "model.embed_tokens.weight": rows ?? [], "lm_head.weight": head ?? [] };
    expect(await told(modelOf(ends, config))).toEqual(["error LayersMissing"]);
    expect(
      await told({ "embeddings.safetensors": weights(ends), "config.json": JSON.stringify(config) }),
    ).toEqual([]);
  });

  it("settings of mlx-lm that leave factors of the file out", async () => {
    const of = (layer: number, name: string) => `model.layers.${layer}.self_attn.q_proj.lora_${name}`;
    const shapes: Shapes = {
      [of(0, "a")]: [8, 2],
      [of(0, "b")]: [2, 8],
      [of(1, "a")]: [8, 2],
      [of(1, "b")]: [2, 8],
    };
    const mlx = (num_layers: number, keys: readonly string[]) => ({
      "adapters.safetensors": weights(shapes),
      "adapter_config.json": JSON.stringify({
        fine_tune_type: "lora",
        num_layers,
        lora_parameters: { rank: 2, scale: 2, keys },
      }),
    });
    expect(await told(mlx(-1, ["self_attn.q_proj"]))).toEqual([]);
    expect(await told(mlx(1, ["auto"]))).toEqual(["warning UnmatchedPattern", "warning UnmatchedLayers"]);
  });

  it("a pipeline of diffusers, which is several models", async () => {
    await expect(healthOf({ "model_index.json": "{}", "unet/config.json": "{}" })).rejects.toThrow(
      "open one of them (unet)",
    );
  });
});
