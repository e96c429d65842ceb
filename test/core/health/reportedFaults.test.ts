import { describe, expect, it } from "vitest";
import { zeroWeights } from "../../../src/core/health/zeroWeights";
import { CheckpointSession } from "../../../src/core/session/checkpointSession";
import { adapterOf, factors, healthOf, modelOf, type Shapes, weights } from "../../support/healthOf";
import { MemoryFiles } from "../../support/memoryFiles";

const llama = {
  architectures: ["LlamaForCausalLM"],
  num_hidden_layers: 1,
  vocab_size: 10,
  hidden_size: 4,
  tie_word_embeddings: false,
};
const shapes: Shapes = {
  "model.embed_tokens.weight": [10, 4],
  "model.layers.0.self_attn.q_proj.weight": [4, 4],
  "model.layers.0.mlp.up_proj.weight": [8, 4],
  "model.norm.weight": [4],
  "lm_head.weight": [10, 4],
};
const renamed = (change: (name: string) => string): Shapes =>
  Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [change(name), shape]));

type Entries = Readonly<Record<string, string | Uint8Array>>;

async function told(entries: Entries, path?: string) {
  const { problems } = await healthOf(entries, path);
  return problems.map(({ severity, code }) => `${severity} ${code}`);
}

describe("names that transformers does not find", () => {
  it.each([
    ["of another wrapper", (name: string) => `net.${name}`],
    ['with "model." twice', (name: string) => `model.${name}`],
    ["cut at their beginning", (name: string) => name.slice(9)],
  ])("are an error: %s", async (_, change) => {
    expect(await told(modelOf(renamed(change), llama))).toContain("error NamesUnmatched");
  });

  it.each([
    ["Opacus", (name: string) => `_module.${name}`],
    [
      "activation checkpointing",
      (name: string) => name.replace("layers.0.", "layers.0._checkpoint_wrapped_module."),
    ],
  ])("are those of %s", async (_, change) => {
    expect(await told(modelOf(renamed(change), llama))).toContain("warning WrappedNames");
  });

  it("are an error where FSDP kept its flat parameters", async () => {
    const flat = { "_fsdp_wrapped_module._flat_param": [90], ...shapes };
    expect(await told(modelOf(flat, llama))).toContain("error FlatParameters");
  });

  it("are none where the model is saved without its head, or has code of its own", async () => {
    const { "lm_head.weight": _, ...body } = renamed((name) => name.replace(/^model\./, ""));
    expect(await told(modelOf(body, { ...llama, tie_word_embeddings: true }))).toEqual([]);
    const own = { ...llama, auto_map: { AutoModel: "modeling.Model" } };
    expect(
      await told(
        modelOf(
          renamed((name) => `net.${name}`),
          own,
        ),
      ),
    ).not.toContain("error NamesUnmatched");
  });

  it("lack the embedding", async () => {
    const { "model.embed_tokens.weight": _, ...rest } = shapes;
    expect(await told(modelOf(rest, llama))).toContain("error EmbeddingMissing");
    // Some lines of a configuration tell nothing of what a model lacks.
    const { vocab_size: __, ...part } = llama;
    expect(await told(modelOf(rest, part))).not.toContain("error EmbeddingMissing");
  });
});

describe("heads unlike the configuration", () => {
  it("have other rows than the embedding", async () => {
    expect(await told(modelOf({ ...shapes, "lm_head.weight": [12, 4] }, llama))).toEqual([
      "warning ConfigDisagrees",
    ]);
  });

  it("are missing from a classifier, or have another number of labels", async () => {
    const config = {
      ...llama,
      architectures: ["LlamaForSequenceClassification"],
      id2label: { 0: "a", 1: "b" },
    };
    expect(await told(modelOf(shapes, config))).toContain("warning HeadMissing");
    const { "lm_head.weight": _, ...body } = shapes;
    expect(await told(modelOf({ ...body, "score.weight": [2, 4] }, config))).toEqual([]);
    expect(await told(modelOf({ ...body, "score.weight": [3, 4] }, config))).toEqual([
      "warning ConfigDisagrees",
    ]);
  });
});

describe("packed weights and quantization_config", () => {
  const bits4 = { quant_method: "bitsandbytes", load_in_4bit: true };
  const packed: Shapes = { ...shapes, "model.layers.0.mlp.up_proj.weight.absmax": [1] };

  it("belong together", async () => {
    const found = await told(modelOf(packed, { ...llama, quantization_config: bits4 }));
    expect(found).not.toContain("error QuantisationDisagrees");
  });

  it.each<[string, Shapes, object]>([
    ["codes without their configuration", packed, llama],
    ["a configuration that was left of the base", shapes, { ...llama, quantization_config: bits4 }],
    ["the same of GPTQ", shapes, { ...llama, quantization_config: { quant_method: "gptq", bits: 4 } }],
  ])("are an error: %s", async (_, tensors, config) => {
    expect(await told(modelOf(tensors, config))).toContain("error QuantisationDisagrees");
  });

  it("may be told in a file of the quantiser's own", async () => {
    const qweights: Shapes = { ...shapes, "model.layers.0.mlp.up_proj.qweight": [1, 8] };
    const files = { ...modelOf(qweights, llama), "quantize_config.json": "{}" };
    expect(await told(files)).not.toContain("error QuantisationDisagrees");
    expect(await told(modelOf(qweights, llama))).toContain("error QuantisationDisagrees");
  });
});

describe("generation_config.json", () => {
  const withSettings = (text: string) => ({ ...modelOf(shapes, llama), "generation_config.json": text });

  it.each([
    ["sampling without do_sample", '{"temperature": 0.9, "top_p": 0.6}', ["warning GenerationConfigInvalid"]],
    ["sampling", '{"temperature": 0.9, "do_sample": true}', []],
    ["values that say nothing", '{"temperature": 1.0, "top_k": 50, "do_sample": false}', []],
    ["a cut file", '{"temperature": 0.', ["warning ConfigUnreadable"]],
    ["a token that the embedding has", '{"eos_token_id": [2, 9]}', []],
    ["a token beyond the embedding", '{"eos_token_id": [2, 128009]}', ["warning TokenBeyondVocabulary"]],
  ])("with %s", async (_, text, expected) => {
    expect(await told(withSettings(text))).toEqual(expected);
  });
});

describe("a sentence-transformers model", () => {
  const list = JSON.stringify([
    { idx: 0, name: "0", path: "", type: "sentence_transformers.models.Transformer" },
    { idx: 1, name: "1", path: "1_Pooling", type: "sentence_transformers.models.Pooling" },
    { idx: 2, name: "2", path: "2_Dense", type: "sentence_transformers.models.Dense" },
    { idx: 3, name: "3", path: "3_Normalize", type: "sentence_transformers.models.Normalize" },
  ]);
  const whole: Entries = {
    "model.safetensors": weights(shapes),
    "config_sentence_transformers.json": "{}",
    "modules.json": list,
    "1_Pooling/config.json": "{}",
    "2_Dense/config.json": "{}",
    "2_Dense/model.safetensors": weights({ "linear.weight": [2, 4], "linear.bias": [2] }),
  };
  const without = (name: string) => {
    const { [name]: _, ...rest } = whole;
    return rest;
  };

  it("tells all its modules, and asks for no folder of one that keeps nothing", async () => {
    const { problems } = await healthOf(whole);
    expect(problems.map(({ severity, code }) => `${severity} ${code}`)).toEqual(["info SentenceModules"]);
    expect(problems[0]?.message).toContain(
      "4 modules one after the other: Transformer, 1_Pooling (Pooling), 2_Dense (Dense, 10 parameters), 3_Normalize (Normalize)",
    );
  });

  it.each([
    ["the settings of a module", without("1_Pooling/config.json"), "error ModuleMissing"],
    ["the weights of a module", without("2_Dense/model.safetensors"), "error ModuleMissing"],
    ["what lists them", without("modules.json"), "warning ModuleListMissing"],
    [
      "half of the weights",
      { ...whole, "2_Dense/model.safetensors": weights({ "linear.weight": [2, 4] }).slice(0, -8) },
      "error MetadataIncompleteBuffer",
    ],
  ])("lacks %s", async (_, entries, expected) => {
    expect(await told(entries)).toContain(expected);
  });

  it.each([
    ["a pooling of another model", "1_Pooling/config.json", { word_embedding_dimension: 384 }],
    ["a dense layer of other settings", "2_Dense/config.json", { in_features: 24, out_features: 2 }],
  ])("has %s", async (_, name, settings) => {
    const entries = (said: object) => ({
      ...whole,
      "config.json": JSON.stringify({ hidden_size: 4 }),
      [name]: JSON.stringify({ ...settings, ...said }),
    });
    expect(await told(entries({}))).toContain("error ModuleDisagrees");
    const fitting = { word_embedding_dimension: 4, in_features: 4, out_features: 2 };
    expect(await told(entries(fitting))).not.toContain("error ModuleDisagrees");
  });

  it("cuts texts behind the last position that its transformer has", async () => {
    const entries = (max_seq_length: number) => ({
      ...whole,
      "config.json": JSON.stringify({ model_type: "bert", max_position_embeddings: 32 }),
      "sentence_bert_config.json": JSON.stringify({ max_seq_length }),
    });
    expect(await told(entries(512))).toContain("warning SequenceTooLong");
    expect(await told(entries(32))).not.toContain("warning SequenceTooLong");
  });
});

describe("downloads of huggingface_hub that did not end", () => {
  const config = JSON.stringify(llama);

  it("are told from the folder that they go to, and from the blobs of the cache", async () => {
    const own = { ...modelOf(shapes, llama), ".cache/huggingface/download/model.x.incomplete": "x" };
    expect(await told(own)).toContain("warning UnfinishedDownload");
    const cached = new MemoryFiles({
      "/hub/models--o--m/snapshots/a/config.json": config,
      "/hub/models--o--m/snapshots/a/model.safetensors": weights(shapes),
      "/hub/models--o--m/blobs/b.incomplete": "x",
    });
    const session = await CheckpointSession.open(cached, "/hub/models--o--m/snapshots/a", () => undefined);
    expect((await session.health()).map(({ code }) => code)).toContain("UnfinishedDownload");
  });
});

describe("a model of nothing but zeros", () => {
  const tensor = (name: string, offset: number) => ({
    name,
    dtype: "F32",
    shape: [32, 32],
    byteSize: 4096,
    fileIndex: 0,
    offset,
  });
  const looked = [tensor("a", 0), tensor("b", 4096)].map((one) => ({ tensor: one as never, isZero: true }));
  const files = { files: [], path: "/m" };

  it("was never filled, once all of it was read", () => {
    expect(zeroWeights(files, looked, false).map(({ severity }) => severity)).toEqual(["error"]);
    expect(zeroWeights(files, looked, true)).toEqual([]);
  });
});

describe("an adapter without its configuration", () => {
  const lokr = "base_model.model.model.layers.0.self_attn.q_proj";
  it.each([
    ["LoRA", factors],
    ["LoKr", { [`${lokr}.lokr_w1`]: [4, 4], [`${lokr}.lokr_w2`]: [4, 4] }],
  ])("is told of the folder, and not of the file alone: %s", async (_method, factors) => {
    const { "adapter_config.json": _, ...alone } = adapterOf(factors);
    expect(await told(alone)).toContain("warning AdapterConfigMissing");
    expect(await told(alone, "/run/adapter_model.safetensors")).not.toContain("warning AdapterConfigMissing");
    expect(await told(adapterOf(factors))).not.toContain("warning AdapterConfigMissing");
  });
});
