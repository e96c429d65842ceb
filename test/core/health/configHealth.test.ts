import { describe, expect, it } from "vitest";
import { sampledFindings } from "../../../src/core/session/sampledValues";
import { healthOf, modelOf, type Shapes } from "../../support/healthOf";

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

  it("is tied, and its head has values of its own", async () => {
    // The data of these files counts up, so that no two tensors hold the same.
    const both = modelOf({ ...ends, ...layer(0), ...layer(1) }, { ...config, tie_word_embeddings: true });
    const { session } = await healthOf(both);
    expect((await sampledFindings(session)).map(({ code }) => code)).toEqual(["HeadDiffers"]);
    const apart = await healthOf({ ...both, "config.json": JSON.stringify(config) });
    expect(await sampledFindings(apart.session)).toEqual([]);
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
