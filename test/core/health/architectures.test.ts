import { describe, expect, it } from "vitest";
import { CheckpointSession } from "../../../src/core/session/checkpointSession";
import { safetensorsFile } from "../../support/made/safetensorsFile";
import { MemoryFiles } from "../../support/memoryFiles";

type Shapes = Readonly<Record<string, readonly number[]>>;

/** An architecture of width 8, inner width 20 and a vocabulary of 12, as transformers names it. */
interface Architecture {
  readonly config: object;
  readonly ends: Shapes;
  /** One layer; `*` is its number. */
  readonly layer: Shapes;
  readonly layersKey: string;
  readonly vocabularyKey?: string;
  readonly hiddenKey: string;
  readonly innerKey?: string;
  /** Axis by which tensor parallelism cuts each matrix of a layer and the embedding. */
  readonly cut: Readonly<Record<string, 0 | 1>>;
}

const architectures: Readonly<Record<string, Architecture>> = {
  "GPT-NeoX": {
    config: {
      architectures: ["GPTNeoXForCausalLM"],
      hidden_size: 8,
      intermediate_size: 20,
      num_hidden_layers: 2,
      num_attention_heads: 2,
      vocab_size: 12,
    },
    ends: { "gpt_neox.embed_in.weight": [12, 8], "embed_out.weight": [12, 8] },
    layer: {
      "gpt_neox.layers.*.input_layernorm.weight": [8],
      "gpt_neox.layers.*.attention.dense.weight": [8, 8],
      "gpt_neox.layers.*.mlp.dense_h_to_4h.weight": [20, 8],
      "gpt_neox.layers.*.mlp.dense_4h_to_h.weight": [8, 20],
    },
    layersKey: "num_hidden_layers",
    vocabularyKey: "vocab_size",
    hiddenKey: "hidden_size",
    innerKey: "intermediate_size",
    cut: { embed: 0, h_to_4h: 0, "4h_to_h": 1, "attention.dense": 1 },
  },
  OPT: {
    config: {
      hidden_size: 8,
      ffn_dim: 20,
      num_hidden_layers: 2,
      num_attention_heads: 2,
      vocab_size: 12,
    },
    ends: { "model.decoder.embed_tokens.weight": [12, 8], "model.decoder.final_layer_norm.weight": [8] },
    layer: {
      "model.decoder.layers.*.self_attn_layer_norm.weight": [8],
      "model.decoder.layers.*.self_attn.q_proj.weight": [8, 8],
      "model.decoder.layers.*.fc1.weight": [20, 8],
      "model.decoder.layers.*.fc2.weight": [8, 20],
    },
    layersKey: "num_hidden_layers",
    vocabularyKey: "vocab_size",
    hiddenKey: "hidden_size",
    innerKey: "ffn_dim",
    cut: { embed: 0, q_proj: 0, fc1: 0, fc2: 1 },
  },
  "T5's encoder": {
    config: { d_model: 8, d_ff: 20, d_kv: 4, num_heads: 2, num_layers: 2, vocab_size: 12 },
    ends: { "shared.weight": [12, 8] },
    layer: {
      "encoder.block.*.layer.0.layer_norm.weight": [8],
      "encoder.block.*.layer.0.SelfAttention.q.weight": [8, 8],
      "encoder.block.*.layer.1.DenseReluDense.wi.weight": [20, 8],
      "encoder.block.*.layer.1.DenseReluDense.wo.weight": [8, 20],
    },
    layersKey: "num_layers",
    vocabularyKey: "vocab_size",
    hiddenKey: "d_model",
    innerKey: "d_ff",
    cut: { shared: 0, "q.weight": 0, wi: 0, wo: 1 },
  },
  DistilBERT: {
    config: { dim: 8, hidden_dim: 20, n_layers: 2, n_heads: 2, vocab_size: 12 },
    ends: { "distilbert.embeddings.word_embeddings.weight": [12, 8] },
    layer: {
      "distilbert.transformer.layer.*.sa_layer_norm.weight": [8],
      "distilbert.transformer.layer.*.attention.q_lin.weight": [8, 8],
      "distilbert.transformer.layer.*.ffn.lin1.weight": [20, 8],
      "distilbert.transformer.layer.*.ffn.lin2.weight": [8, 20],
    },
    layersKey: "n_layers",
    vocabularyKey: "vocab_size",
    hiddenKey: "dim",
    innerKey: "hidden_dim",
    cut: { embed: 0, q_lin: 0, lin1: 0, lin2: 1 },
  },
  ViT: {
    config: { hidden_size: 8, intermediate_size: 20, num_hidden_layers: 2, num_attention_heads: 2 },
    ends: { "vit.embeddings.patch_embeddings.projection.weight": [8, 3, 2, 2], "vit.layernorm.weight": [8] },
    layer: {
      "vit.encoder.layer.*.layernorm_before.weight": [8],
      "vit.encoder.layer.*.attention.attention.query.weight": [8, 8],
      "vit.encoder.layer.*.intermediate.dense.weight": [20, 8],
      "vit.encoder.layer.*.output.dense.weight": [8, 20],
    },
    layersKey: "num_hidden_layers",
    hiddenKey: "hidden_size",
    innerKey: "intermediate_size",
    cut: { query: 0, intermediate: 0, "output.dense": 1 },
  },
  BLOOM: {
    config: { model_type: "bloom", hidden_size: 8, n_layer: 2, n_head: 2, vocab_size: 12 },
    ends: { "transformer.word_embeddings.weight": [12, 8], "transformer.ln_f.weight": [8] },
    layer: {
      "transformer.h.*.input_layernorm.weight": [8],
      "transformer.h.*.self_attention.dense.weight": [8, 8],
      "transformer.h.*.mlp.dense_h_to_4h.weight": [32, 8],
      "transformer.h.*.mlp.dense_4h_to_h.weight": [8, 32],
    },
    layersKey: "n_layer",
    vocabularyKey: "vocab_size",
    hiddenKey: "hidden_size",
    cut: { word_embeddings: 0, h_to_4h: 0, "4h_to_h": 1, "attention.dense": 1 },
  },
};

function layers({ layer }: Architecture, ...numbers: readonly number[]): Shapes {
  const named = numbers.flatMap((number) =>
    Object.entries(layer).map(([name, shape]) => [name.replace("*", String(number)), shape] as const),
  );
  return Object.fromEntries(named);
}

async function problemsOf(shapes: Shapes, config: object) {
  const tensors = Object.entries(shapes).map(([name, shape]) => ({ name, dtype: "F32" as const, shape }));
  const files = new MemoryFiles({
    "/run/model.safetensors": safetensorsFile({ tensors }),
    "/run/config.json": JSON.stringify(config),
  });
  const session = await CheckpointSession.open(files, "/run", () => undefined);
  return (await session.health()).map(({ code, message }) => `${code}: ${message}`);
}

describe.each(Object.entries(architectures))("%s beside its configuration", (_, architecture) => {
  const { config, ends, cut, layersKey, vocabularyKey, hiddenKey, innerKey } = architecture;
  const whole = { ...ends, ...layers(architecture, 0, 1) };

  it("has nothing wrong with it where they agree", async () => {
    expect(await problemsOf(whole, config)).toEqual([]);
  });

  it("lacks a layer, in front or behind", async () => {
    for (const present of [0, 1]) {
      const [found] = await problemsOf({ ...ends, ...layers(architecture, present) }, config);
      expect(found).toMatch(
        new RegExp(`^LayersMissing: .*2 layers.*hold 1: layer ${1 - present} is missing`),
      );
    }
    const more = { ...whole, ...layers(architecture, 2) };
    expect((await problemsOf(more, config)).join()).toContain("LayersUnused");
    expect(await problemsOf(more, { ...config, [layersKey]: 3 })).toEqual([]);
  });

  it("has another vocabulary, width or inner width", async () => {
    for (const key of [vocabularyKey, hiddenKey, innerKey]) {
      if (key === undefined) continue;
      const found = (await problemsOf(whole, { ...config, [key]: 14 })).join("\n");
      expect(found).toMatch(/ConfigDisagrees: config\.json says (?:\w+) 14/);
    }
  });

  it("is the slice of one of two processes", async () => {
    const halved = Object.entries(whole).map(([name, shape]) => {
      const axis = Object.entries(cut).find(([part]) => name.includes(part))?.[1];
      return [name, shape.map((side, at) => (at === axis && shape.length === 2 ? side / 2 : side))] as const;
    });
    expect((await problemsOf(Object.fromEntries(halved), config)).join()).toContain("OneRankOnly");
  });
});

it.each([
  [
    "StarCoder, which has GPT-2's names and not its turned matrices",
    { "transformer.wte.weight": [12, 8], "transformer.h.0.mlp.c_fc.weight": [20, 8] },
    { model_type: "gpt_bigcode", n_embd: 8, n_inner: 20, n_layer: 1, vocab_size: 12 },
  ],
  [
    "MobileBERT, whose layers are narrower within",
    {
      "mobilebert.embeddings.word_embeddings.weight": [12, 4],
      "mobilebert.encoder.layer.0.intermediate.dense.weight": [16, 4],
      "mobilebert.encoder.layer.0.output.dense.weight": [4, 16],
    },
    { hidden_size: 16, embedding_size: 4, intermediate_size: 16, num_hidden_layers: 1, vocab_size: 12 },
  ],
  [
    "stages of a vision model, the last without a downsampling",
    Object.fromEntries([
      ["embeddings.patch_embeddings.projection.weight", [8, 3, 4, 4]],
      ...[0, 1, 2].map((stage) => [`encoder.layers.${stage}.blocks.0.output.dense.weight`, [8, 8]] as const),
      ...[0, 1].map((stage) => [`encoder.layers.${stage}.downsample.reduction.weight`, [16, 32]] as const),
    ]),
    { model_type: "swin", num_layers: 3, hidden_size: 32 },
  ],
])("nothing is said of %s", async (_, shapes, config) => {
  expect(await problemsOf(shapes, config)).toEqual([]);
});

it("experts in one tensor are counted", async () => {
  const shapes = {
    "model.embed_tokens.weight": [12, 8],
    "model.layers.0.mlp.experts.gate_up_proj": [4, 8, 20],
  };
  const config = { num_hidden_layers: 1, num_experts: 6, hidden_size: 8, vocab_size: 12 };
  expect(await problemsOf(shapes, config)).toEqual([
    "ExpertsDisagree: config.json says 6 experts, the weights hold 4.",
  ]);
  expect(await problemsOf(shapes, { ...config, num_experts: 4 })).toEqual([]);
});

describe("of the experts of two layers", () => {
  const moe = (change: (shapes: Map<string, readonly number[]>) => void) => {
    const shapes = new Map<string, readonly number[]>([["model.embed_tokens.weight", [12, 8]]]);
    for (const layer of [0, 1].map((at) => `model.layers.${at}.block_sparse_moe`)) {
      shapes.set(`${layer}.gate.weight`, [3, 8]);
      for (const expert of [0, 1, 2])
        for (const matrix of ["w1", "w2"]) shapes.set(`${layer}.experts.${expert}.${matrix}.weight`, [8, 8]);
    }
    change(shapes);
    return problemsOf(Object.fromEntries(shapes), {
      num_hidden_layers: 2,
      hidden_size: 8,
      vocab_size: 12,
      num_local_experts: 3,
    });
  };

  it("nothing is said where all are there", async () => {
    expect(await moe(() => undefined)).toEqual([]);
  });

  it("one matrix of one is missing", async () => {
    const found = await moe((shapes) => shapes.delete("model.layers.1.block_sparse_moe.experts.1.w2.weight"));
    expect(found.join()).toMatch(
      /config\.json says 3 experts, model\.layers\.1 holds of "block_sparse_moe\.experts\.\*\.w2" 2, without 1\./,
    );
  });

  it("one is missing in each", async () => {
    const found = await moe((shapes) => {
      for (const name of [...shapes.keys()]) if (name.includes(".experts.2.")) shapes.delete(name);
    });
    expect(found.join()).toMatch(/config\.json says 3 experts, the weights hold 2, without 2\./);
  });

  it("the router has more rows", async () => {
    const found = await moe((shapes) => shapes.set("model.layers.1.block_sparse_moe.gate.weight", [5, 8]));
    expect(found.join()).toMatch(
      /The layers hold 3 experts, and model\.layers\.1\.\S+gate\.weight, .* 5 × 8 \(5\)/,
    );
  });
});

describe("an adapter's layers", () => {
  const adapter = async (numbers: readonly number[], more: object = {}) => {
    const tensors = numbers.flatMap((layer) =>
      ["A", "B"].map((factor) => ({
        name: `base_model.model.model.layers.${layer}.self_attn.q_proj.lora_${factor}.weight`,
        dtype: "F32" as const,
        shape: factor === "A" ? [2, 8] : [8, 2],
      })),
    );
    const config = { peft_type: "LORA", r: 2, lora_alpha: 2, target_modules: ["q_proj"], ...more };
    const files = new MemoryFiles({
      "/a/adapter_model.safetensors": safetensorsFile({ tensors }),
      "/a/adapter_config.json": JSON.stringify(config),
    });
    const session = await CheckpointSession.open(files, "/a", () => undefined);
    const found = await session.health();
    return found.flatMap(({ severity, code }) => (severity === "info" ? [] : [code]));
  };

  it.each([
    ["one between others is missing", [0, 1, 3, 4], {}, ["AdapterGap"]],
    ["that is what the configuration asks for", [0, 1, 3, 4], { layers_to_transform: [0, 1, 3, 4] }, []],
    ["an expression chose them", [0, 1, 3, 4], { target_modules: ".*q_proj" }, []],
    ["every fourth is of another kind", [0, 1, 2, 4, 5, 6, 8], {}, []],
    ["only the last are adapted", [5, 6, 7], {}, []],
  ])("%s", async (_, numbers, more, codes) => {
    expect(await adapter(numbers, more)).toEqual(codes);
  });
});
