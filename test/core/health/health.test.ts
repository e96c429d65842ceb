import { describe, expect, it } from "vitest";
import { unlikeLayers } from "../../../src/core/health/unlikeLayers";
import { CheckpointSession } from "../../../src/core/session/checkpointSession";
import { safetensorsFile } from "../../support/made/safetensorsFile";
import { MemoryFiles } from "../../support/memoryFiles";

type Shapes = Readonly<Record<string, readonly number[]>>;

function weights(shapes: Shapes): Uint8Array {
  const tensors = Object.entries(shapes).map(([name, shape]) => ({ name, dtype: "F32" as const, shape }));
  return safetensorsFile({ tensors });
}

const module = "base_model.model.model.layers.0.self_attn.q_proj";
const factors: Shapes = { [`${module}.lora_A.weight`]: [8, 16], [`${module}.lora_B.weight`]: [16, 8] };
const adapterConfig = { peft_type: "LORA", r: 8, lora_alpha: 16, target_modules: ["q_proj"] };

async function healthOf(entries: Readonly<Record<string, string | Uint8Array>>, path = "/run") {
  const files = new MemoryFiles(
    Object.fromEntries(Object.entries(entries).map(([name, content]) => [`/run/${name}`, content])),
  );
  const session = await CheckpointSession.open(files, path, () => undefined);
  return { session, problems: await session.health() };
}

const adapterOf = (shapes: Shapes, config: object = adapterConfig) => ({
  "adapter_model.safetensors": weights(shapes),
  "adapter_config.json": JSON.stringify(config),
});

const modelOf = (shapes: Shapes, config: object) => ({
  "model.safetensors": weights(shapes),
  "config.json": JSON.stringify(config),
});

describe("an adapter", () => {
  it("that is whole has nothing wrong with it", async () => {
    expect((await healthOf(adapterOf(factors))).problems).toEqual([]);
  });

  it("without any tensor is an error, with its cause", async () => {
    const { problems } = await healthOf({ ...adapterOf({}), "global_step10/latest": "x" });
    expect(problems).toContainEqual(
      expect.objectContaining({
        severity: "error",
        code: "NoTensors",
        message: expect.stringContaining("global_step10/"),
      }),
    );
  });

  it("of tensors without values is one error, and its parameters are no start for a training", async () => {
    const { session, problems } = await healthOf(
      adapterOf({ [`${module}.lora_A.weight`]: [0], [`${module}.lora_B.weight`]: [0] }),
    );
    expect(problems.map(({ severity, code }) => [severity, code])).toEqual([["error", "NoValues"]]);
    expect((await session.resume()).checks[0]).toMatchObject({ what: "Parameters", verdict: "error" });
  });

  it("whose saved embedding alone was not gathered is an error", async () => {
    const { problems } = await healthOf(adapterOf({ ...factors, "base_model.model.lm_head.weight": [0] }));
    expect(problems[0]).toMatchObject({ code: "NoValues", tensor: "base_model.model.lm_head.weight" });
  });

  it("with a factor without its partner is an error", async () => {
    const { problems } = await healthOf(
      adapterOf({ ...factors, "base_model.model.v.lora_A.weight": [8, 16] }),
    );
    expect(problems[0]).toMatchObject({ severity: "error", code: "LoraUnpaired" });
  });

  it("of one process's rows is told by the fraction", async () => {
    const { problems } = await healthOf(
      adapterOf({ [`${module}.lora_A.weight`]: [2, 16], [`${module}.lora_B.weight`]: [4, 8] }),
    );
    expect(problems.map(({ code, message }) => [code, /exactly 1\/4/.test(message)])).toEqual([
      ["OneRankOnly", true],
    ]);
  });

  it("is told which of its settings match no module", async () => {
    const config = {
      ...adapterConfig,
      target_modules: ["q_proj", "w_proj"],
      rank_pattern: { "mlp.up": 4, q_proj: 8 },
    };
    const { problems } = await healthOf(adapterOf(factors, config));
    const warnings = problems.filter(({ severity }) => severity !== "info");
    expect(warnings.map(({ severity, message }) => [severity, message])).toEqual([
      ["warning", '1 entry of rank_pattern ("mlp.up") matches no module of the adapter and changes nothing.'],
      ["warning", '1 entry of target_modules ("w_proj") matches no module of the adapter.'],
    ]);
  });
});

describe("a model beside its configuration", () => {
  const config = {
    architectures: ["LlamaForCausalLM"],
    num_hidden_layers: 2,
    vocab_size: 10,
    hidden_size: 4,
    intermediate_size: 8,
    tie_word_embeddings: false,
  };
  const layer = (number: number): Shapes => ({ [`model.layers.${number}.mlp.up_proj.weight`]: [8, 4] });
  const ends: Shapes = { "model.embed_tokens.weight": [10, 4], "lm_head.weight": [10, 4] };
  const codes = async (shapes: Shapes, changed: object = {}) =>
    (await healthOf(modelOf(shapes, { ...config, ...changed }))).problems.map(({ severity, code }) => [
      severity,
      code,
    ]);

  it("that agrees with it has nothing wrong with it", async () => {
    expect(await codes({ ...ends, ...layer(0), ...layer(1) })).toEqual([]);
  });

  it("lacks layers", async () => {
    expect(await codes({ ...ends, ...layer(1) })).toEqual([["error", "LayersMissing"]]);
  });

  it("has layers that nobody loads, unless they predict further tokens", async () => {
    const shapes = { ...ends, ...layer(0), ...layer(1), ...layer(2) };
    expect(await codes(shapes)).toEqual([["warning", "LayersUnused"]]);
    expect(await codes(shapes, { num_nextn_predict_layers: 1 })).toEqual([]);
  });

  it("has another vocabulary, no head, or one too many", async () => {
    const both = { ...ends, ...layer(0), ...layer(1) };
    expect(await codes(both, { vocab_size: 9 })).toEqual([["warning", "ConfigDisagrees"]]);
    expect(await codes(both, { tie_word_embeddings: true })).toEqual([["warning", "HeadUnused"]]);
    const { "lm_head.weight": _, ...headless } = both;
    expect(await codes(headless)).toEqual([["warning", "HeadMissing"]]);
  });

  it("is the slice of one of two processes", async () => {
    const half = { "model.embed_tokens.weight": [5, 4], "model.layers.0.mlp.up_proj.weight": [4, 4] };
    const found = await codes({
      ...half,
      "model.layers.1.mlp.up_proj.weight": [4, 4],
      "lm_head.weight": [5, 4],
    });
    expect(found).toEqual([["error", "OneRankOnly"]]);
  });

  it.each([
    ["attention and feed-forward cut beside a whole embedding", [5, 4], [4, 4], "OneRankOnly"],
    ["with a whole embedding and attention, another intermediate size", [10, 4], [4, 4], "ConfigDisagrees"],
    ["with cut attention alone, nothing that is known to be wrong", [5, 4], [8, 4], undefined],
  ])("is %s", async (_, queries, up, code) => {
    const ofLayer = (number: number): Shapes => ({
      [`model.layers.${number}.input_layernorm.weight`]: [4],
      [`model.layers.${number}.self_attn.q_proj.weight`]: queries,
      [`model.layers.${number}.mlp.up_proj.weight`]: up,
      [`model.layers.${number}.mlp.down_proj.weight`]: [...up].reverse(),
    });
    const found = await codes(
      { ...ends, ...ofLayer(0), ...ofLayer(1) },
      { num_attention_heads: 2, head_dim: 5 },
    );
    expect(found.map(([, told]) => told)).toEqual(code === undefined ? [] : [code]);
  });

  const phi = (parts: number): Shapes => ({
    "model.layers.0.input_layernorm.weight": [8],
    "model.layers.0.self_attn.qkv_proj.weight": [16 / parts, 8],
    "model.layers.0.self_attn.o_proj.weight": [8, 8 / parts],
    "model.layers.0.mlp.gate_up_proj.weight": [24 / parts, 8],
    "model.layers.0.mlp.down_proj.weight": [8, 12 / parts],
  });
  const gpt2 = (parts: number): Shapes => ({
    "h.0.ln_1.weight": [8],
    "h.0.attn.c_attn.weight": [8, 24 / parts],
    "h.0.mlp.c_fc.weight": [8, 32 / parts],
    "h.0.mlp.c_proj.weight": [32 / parts, 8],
  });
  const bert = (parts: number): Shapes => ({
    "encoder.layer.0.attention.self.query.weight": [8 / parts, 8],
    "encoder.layer.0.intermediate.dense.weight": [12 / parts, 8],
    "encoder.layer.0.output.dense.weight": [8, 12 / parts],
  });
  const mixture = (parts: number): Shapes => ({
    "model.layers.0.input_layernorm.weight": [8],
    "model.layers.0.self_attn.q_proj.weight": [8 / parts, 8],
    "model.layers.0.mlp.experts.gate_up_proj": [4, 24 / parts, 8],
    "model.layers.0.mlp.experts.down_proj": [4, 8, 12 / parts],
  });
  const turnedMixture = (parts: number): Shapes => ({
    "model.layers.0.self_attn.q_proj.weight": [8 / parts, 8],
    "model.layers.0.mlp.experts.gate_up_proj": [4, 8, 24 / parts],
    "model.layers.0.mlp.experts.down_proj": [4, 12 / parts, 8],
  });
  const sizes = {
    num_hidden_layers: 1,
    vocab_size: 10,
    hidden_size: 8,
    intermediate_size: 12,
    num_attention_heads: 2,
  };
  it.each([
    ["fused projections (Phi-3)", phi, { ...sizes, num_key_value_heads: 1 }, "model.embed_tokens.weight"],
    [
      "GPT-2, which keeps them turned",
      gpt2,
      { model_type: "gpt2", n_layer: 1, vocab_size: 10, n_embd: 8, n_head: 2 },
      "wte.weight",
    ],
    ["BERT", bert, sizes, "embeddings.word_embeddings.weight"],
    ["fused experts", mixture, { ...sizes, num_local_experts: 4 }, "model.embed_tokens.weight"],
    [
      "fused experts that lie turned",
      turnedMixture,
      { ...sizes, num_local_experts: 4 },
      "model.embed_tokens.weight",
    ],
  ])("is the slice of one process, of %s", async (_, layers, said, embedding) => {
    const found = async (parts: number) => {
      const { problems } = await healthOf(modelOf({ [embedding]: [10, 8], ...layers(parts) }, said));
      return problems.map(({ code }) => code);
    };
    expect(await found(1)).toEqual([]);
    expect(await found(2)).toEqual(["OneRankOnly"]);
  });

  it("has an embedding that is narrower than its layers (ELECTRA)", async () => {
    const shapes = {
      "electra.embeddings.word_embeddings.weight": [10, 4],
      "electra.encoder.layer.0.output.dense.weight": [8, 12],
    };
    const { problems } = await healthOf(modelOf(shapes, { ...sizes, embedding_size: 4 }));
    expect(problems).toEqual([]);
  });

  it("lacks experts", async () => {
    const experts = {
      "model.layers.0.mlp.experts.0.up_proj.weight": [8, 4],
      "model.layers.1.mlp.experts.1.up_proj.weight": [8, 4],
    };
    expect(await codes({ ...ends, ...experts }, { num_experts: 4 })).toEqual([["error", "ExpertsDisagree"]]);
  });
});

describe("the other files of a folder", () => {
  const hostile = new TextEncoder().encode("cos\nsystem\n(S'true'\ntR.");

  it("count, each under its name, also those in folders that belong to it", async () => {
    const entries = {
      ...adapterOf(factors),
      "scheduler.pt": hostile,
      "global_step3/x_optim_states.pt": hostile,
    };
    const { problems } = await healthOf(entries);
    const named = problems
      .filter(({ code }) => code === "DangerousImport")
      .map(({ message }) => message.split(" ")[0]);
    expect(named.sort()).toEqual(["scheduler.pt", "x_optim_states.pt"]);
  });

  it("do not judge a file that is opened by itself", async () => {
    const entries = { ...adapterOf(factors), "scheduler.pt": hostile, "optimizer.pt": "" };
    expect((await healthOf(entries, "/run/adapter_model.safetensors")).problems).toEqual([]);
  });

  it("are shown with the file that stands for their folder, and with no other", async () => {
    const entries = {
      ...adapterOf(factors),
      "other.safetensors": weights({ a: [8] }),
      "scheduler.pt": hostile,
    };
    const shown = async (path: string) => (await healthOf(entries, path)).session.shownHealth();
    const { problems } = await healthOf(entries);
    expect(problems).toMatchObject([{ code: "DangerousImport" }]);
    expect(await shown("/run/adapter_model.safetensors")).toEqual(problems);
    expect(await shown("/run/other.safetensors")).toEqual([]);
  });

  it("without any weights are no healthy checkpoint", async () => {
    const { problems } = await healthOf({ "config.json": "{}" });
    expect(problems).toEqual([expect.objectContaining({ severity: "error", code: "NoWeights" })]);
  });

  it("are named where a shard is cut, and not the index", async () => {
    const shard = weights({ b: [8] });
    const index = {
      weight_map: { a: "model-00001-of-00002.safetensors", b: "model-00002-of-00002.safetensors" },
    };
    const { session, problems } = await healthOf({
      "model.safetensors.index.json": JSON.stringify(index),
      "model-00001-of-00002.safetensors": weights({ a: [8] }),
      "model-00002-of-00002.safetensors": shard.subarray(0, shard.length - 4),
    });
    expect(problems[0]?.message).toMatch(/^model-00002-of-00002\.safetensors is cut.* 4 bytes are missing/);
    expect((await session.resume()).checks[0]?.reason).toMatch(/^model-00002-of-00002\.safetensors is cut/);
  });
});

describe("other ways to be wrong", () => {
  const v = "base_model.model.model.layers.0.self_attn.v_proj";
  const both: Shapes = { ...factors, [`${v}.lora_A.weight`]: [8, 16], [`${v}.lora_B.weight`]: [16, 8] };
  const config = { ...adapterConfig, target_modules: ["q_proj", "v_proj"] };
  const told = async (shapes: Shapes, changed: object = {}) =>
    (await healthOf(adapterOf(shapes, { ...config, ...changed }))).problems
      .filter(({ severity }) => severity !== "info")
      .map(({ severity, code }) => [severity, code]);

  it("one process's columns of B", async () => {
    const cut = { ...both, [`${module}.lora_B.weight`]: [16, 4], [`${v}.lora_B.weight`]: [16, 4] };
    expect(await told(cut)).toEqual([["error", "OneRankOnly"]]);
  });

  it.each([
    [{ modules_to_save: ["lm_head"] }, "error"],
    [{ modules_to_save: ["lm_head"], target_modules: null }, "warning"],
    [{ modules_to_save: ["lm_head"], target_modules: [] }, "warning"],
  ])("a file of PEFT's without factors, of which the configuration says %o", async (changed, severity) => {
    const { problems } = await healthOf({
      "adapter_model.safetensors": weights({ "base_model.model.lm_head.weight": [4, 16] }),
      "adapter_config.json": JSON.stringify({ ...config, ...changed }),
    });
    const found = problems.filter(({ code }) => code === "LoraWithoutFactors");
    expect(found.map((problem) => problem.severity)).toEqual([severity]);
  });

  it("names that torch.compile wrote, in a file that transformers loads by its names", async () => {
    const wrapped = weights({ "_orig_mod.lm_head.weight": [4, 4], "_orig_mod.model.norm.weight": [4] });
    const found = async (name: string, model: object) =>
      (await healthOf({ [name]: wrapped, "config.json": JSON.stringify(model) })).problems.filter(
        ({ code }) => code === "WrappedNames",
      );
    const architectures = ["LlamaForCausalLM"];
    expect(await found("model.safetensors", { architectures })).toMatchObject([
      {
        severity: "warning",
        message: expect.stringMatching(/^2 of 2 names .* the first is lm_head\.weight\.$/),
      },
    ]);
    expect(await found("model.safetensors", { model: "my own" })).toEqual([]);
    expect(await found("ema.safetensors", { architectures })).toEqual([]);
  });

  it("one pair of two ranks is no pair, and none that is stored transposed", async () => {
    expect(await told({ ...both, [`${module}.lora_A.weight`]: [4, 16] })).toContainEqual([
      "error",
      "LoraShapeMismatch",
    ]);
  });

  it("factors of no rows, but for AdaLoRA, which prunes", async () => {
    const empty = { ...both, [`${v}.lora_A.weight`]: [0, 16], [`${v}.lora_B.weight`]: [16, 0] };
    expect(await told(empty)).toContainEqual(["error", "NoValues"]);
    const pruned = { peft_type: "ADALORA", init_r: 8, target_r: 4 };
    expect((await told(empty, pruned)).filter(([severity]) => severity === "error")).toEqual([]);
  });

  it("what the configuration announces and the file does not hold", async () => {
    expect(await told(both, { modules_to_save: ["lm_head"] })).toEqual([["warning", "SavedModulesMissing"]]);
    expect(await told(both, { trainable_token_indices: [1] })).toEqual([["warning", "SavedModulesMissing"]]);
    const heads = { modules_to_save: ["classifier", "score"] };
    expect(await told({ ...both, "base_model.model.score.weight": [2, 16] }, heads)).toEqual([]);
    const some = { ...both, [`${v}.lora_magnitude_vector`]: [16] };
    expect(await told(some, { use_dora: true })).toEqual([["warning", "DoraWithoutMagnitudes"]]);
  });

  it.each([
    ["the adapter's name", (name: string) => name.replace(".weight", ".default.weight")],
    ["a prefix too few", (name: string) => name.replace("base_model.model.", "")],
    ["a prefix too many", (name: string) => `base_model.model.${name}`],
    ["a wrapper", (name: string) => `module.${name}`],
  ])("names with %s, which PEFT does not match", async (_, rename) => {
    const renamed = Object.fromEntries(Object.entries(both).map(([name, shape]) => [rename(name), shape]));
    const { problems } = await healthOf(adapterOf(renamed, config));
    const [found] = problems.filter(({ severity }) => severity !== "info");
    expect([found?.severity, found?.code]).toEqual(["warning", "WrappedNames"]);
    expect(found?.message).toContain(`the first should be ${module}.lora_A.weight.`);
  });

  it("a gap in the layers, where no configuration tells their number", async () => {
    const shapes: Shapes = {
      "model.embed_tokens.weight": [10, 4],
      "model.layers.0.mlp.up_proj.weight": [8, 4],
      "model.layers.2.mlp.up_proj.weight": [8, 4],
    };
    const { problems } = await healthOf({ "model.safetensors": weights(shapes) });
    expect(problems).toMatchObject([{ severity: "error", code: "LayersMissing" }]);
  });

  it("a projection that one layer lacks, and an expert that one layer lacks", async () => {
    const names = ["q_proj", "k_proj", "v_proj", "o_proj"].flatMap((each) =>
      [0, 1, 2].map((layer) => `model.layers.${layer}.self_attn.${each}.weight`),
    );
    const square = (all: readonly string[]): Shapes => Object.fromEntries(all.map((name) => [name, [4, 4]]));
    const ends: Shapes = { "model.embed_tokens.weight": [10, 4], "lm_head.weight": [10, 4] };
    const codes = async (shapes: Shapes) =>
      (await healthOf({ "model.safetensors": weights({ ...ends, ...shapes }) })).problems.map(
        ({ code }) => code,
      );
    expect(await codes(square(names))).toEqual([]);
    expect(await codes(square(names.filter((name) => !name.includes("1.self_attn.v_proj"))))).toEqual([
      "TensorsMissing",
    ]);
    // A layer without attention is another architecture.
    expect(
      await codes(
        square([...names.filter((name) => !name.includes("layers.1.")), "model.layers.1.mlp.x.weight"]),
      ),
    ).toEqual([]);
    const experts = [0, 1].flatMap((layer) =>
      [0, 1, 2].map((at) => `model.layers.${layer}.mlp.experts.${at}.up_proj.weight`),
    );
    expect(await codes(square(experts))).toEqual([]);
    expect(await codes(square(experts.slice(0, -1)))).toEqual(["ExpertsDisagree"]);
  });

  it("what one layer lacks of all others, but for what packing adds and for layers of another kind", () => {
    const own = [
      "input_layernorm.weight",
      "self_attn.q_norm.weight",
      "self_attn.q_proj.bias",
      "mlp.up.weight",
    ];
    const layers = (count: number, change: (layer: number) => readonly string[]) =>
      unlikeLayers(new Map(Array.from({ length: count }, (_, layer) => [layer, change(layer)]))).map(
        ({ severity, message }) => `${severity}: ${message}`,
      );
    const without = (lost: number, name: string) => (layer: number) =>
      layer === lost ? own.filter((each) => each !== name) : own;
    expect(layers(4, () => own)).toEqual([]);
    expect(layers(4, without(1, "input_layernorm.weight"))).toEqual([
      "error: Layer 1 has no input_layernorm, which the other 3 layers have: it would be initialised at random.",
    ]);
    expect(layers(4, without(2, "self_attn.q_proj.bias"))[0]).toMatch(
      /^error: Layer 2 has no self_attn.q_proj.bias/,
    );
    expect(layers(4, without(0, "self_attn.q_norm.weight"))[0]).toMatch(/^warning/);
    // Two layers tell nothing of each other but in modules that come together.
    expect(layers(2, without(1, "self_attn.q_norm.weight"))).toEqual([]);
    const norms = ["input_layernorm.weight", "post_attention_layernorm.weight"];
    expect(layers(2, (layer) => norms.slice(layer))[0]).toMatch(/^error: Layer 1 has no input_layernorm/);
    expect(layers(4, (layer) => (layer === 0 ? own : [...own, "mlp.up.weight_scale"]))).toEqual([]);
    const experts = Array.from({ length: 8 }, (_, at) => `mlp.experts.${at}.up.weight`);
    expect(layers(4, (layer) => (layer === 0 ? own : [...own, ...experts]))).toEqual([]);
    expect(layers(4, (layer) => (layer % 2 === 0 ? own : own.slice(1)))).toEqual([]);
  });

  it("an adapter whose names no loader matches, but no merged model beside its old configuration", async () => {
    const renamed = Object.fromEntries(
      Object.entries(both).map(([name, shape]) => [name.replace(".lora_", "_"), shape]),
    );
    const { problems } = await healthOf(adapterOf(renamed, config));
    expect(problems).toMatchObject([
      {
        severity: "error",
        code: "LoraWithoutFactors",
        message: expect.stringMatching(/adapter that was named "lora"/),
      },
    ]);
    const merged = await healthOf({
      "model.safetensors": weights({ "model.layers.0.self_attn.q_proj.weight": [4, 4] }),
      "adapter_config.json": JSON.stringify({ peft_type: "LORA", r: 8 }),
    });
    expect(merged.problems.filter(({ severity }) => severity === "error")).toEqual([]);
  });

  it("a last norm that is narrower than config.json says", async () => {
    const shapes: Shapes = {
      "model.embed_tokens.weight": [10, 8],
      "model.norm.weight": [4],
      "model.layers.0.mlp.up_proj.weight": [16, 8],
    };
    const { problems } = await healthOf({
      "model.safetensors": weights(shapes),
      "config.json": JSON.stringify({ hidden_size: 8, num_hidden_layers: 1 }),
    });
    expect(problems.map(({ message }) => message)).toEqual([
      expect.stringContaining("says hidden_size 8, model.norm.weight is 4: loaders"),
    ]);
  });

  it("a configuration of twice the width, which is no slice where the norms are as narrow", async () => {
    const shapes = (norm: number): Shapes => ({
      "model.embed_tokens.weight": [10, 4],
      "lm_head.weight": [10, 4],
      "model.layers.0.input_layernorm.weight": [norm],
    });
    const config = JSON.stringify({ hidden_size: 8, vocab_size: 10, num_hidden_layers: 1 });
    const codes = async (norm: number) =>
      (await healthOf({ "model.safetensors": weights(shapes(norm)), "config.json": config })).problems.map(
        ({ code, message }) => `${code} ${message.slice(0, 30)}`,
      );
    expect(await codes(4)).toEqual(["ConfigDisagrees config.json says hidden_size 8"]);
    expect((await codes(8))[0]).toMatch(/^OneRankOnly/);
  });

  it("shards of an earlier save beside a whole one are only left over", async () => {
    const { problems } = await healthOf({
      "model-00001-of-00002.safetensors": weights({ a: [2] }),
      "model-00002-of-00002.safetensors": weights({ b: [2] }),
      "model-00003-of-00003.safetensors": weights({ c: [2] }),
      "model.safetensors.index.json": JSON.stringify({
        metadata: { total_size: 16 },
        weight_map: { a: "model-00001-of-00002.safetensors", b: "model-00002-of-00002.safetensors" },
      }),
    });
    expect(problems.filter(({ severity }) => severity === "error")).toEqual([]);
    expect(problems.map(({ code }) => code)).toContain("ExtraShard");
  });

  it.each([20, 900])("an optimizer of which the first %i bytes of an archive are left", async (count) => {
    const bytes = new Uint8Array(count).fill(120);
    bytes.set([0x50, 0x4b, 3, 4]);
    const { problems } = await healthOf({ ...adapterOf(both, config), "optimizer.pt": bytes });
    expect(problems).toContainEqual(
      expect.objectContaining({ severity: "error", message: expect.stringContaining("optimizer.pt") }),
    );
  });

  it("an optimizer of no bytes", async () => {
    const { problems } = await healthOf({ ...adapterOf(both, config), "optimizer.pt": new Uint8Array() });
    expect(problems).toContainEqual(expect.objectContaining({ severity: "error", code: "EmptyFile" }));
  });
});
