import { describe, expect, it } from "vitest";
import { healthOf, modelOf, type Shapes } from "../../support/healthOf";

/** Shapes and names as transformers' `modeling_bert.py`, `modeling_roberta.py` and `modeling_gpt2.py` make them. */
const config = {
  architectures: ["BertForMaskedLM"],
  model_type: "bert",
  vocab_size: 10,
  hidden_size: 4,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  intermediate_size: 8,
  max_position_embeddings: 6,
  type_vocab_size: 2,
};

const layer = (at: number): Shapes => {
  const path = `bert.encoder.layer.${at}.`;
  return {
    [`${path}attention.self.query.weight`]: [4, 4],
    [`${path}attention.self.key.weight`]: [4, 4],
    [`${path}attention.self.key.bias`]: [4],
    [`${path}attention.self.value.weight`]: [4, 4],
    [`${path}attention.output.dense.weight`]: [4, 4],
    [`${path}intermediate.dense.weight`]: [8, 4],
    [`${path}output.dense.weight`]: [4, 8],
  };
};

const bert: Shapes = {
  "bert.embeddings.word_embeddings.weight": [10, 4],
  "bert.embeddings.position_embeddings.weight": [6, 4],
  "bert.embeddings.token_type_embeddings.weight": [2, 4],
  ...layer(0),
  ...layer(1),
  "cls.predictions.transform.dense.weight": [4, 4],
};

async function told(shapes: Shapes, settings: object = {}): Promise<readonly string[]> {
  const { problems } = await healthOf(modelOf(shapes, { ...config, ...settings }));
  return problems.flatMap(({ severity, message }) =>
    severity === "info" ? [] : [`${severity}: ${message.replace(/[.:].*/, "")}`],
  );
}

const without = (shapes: Shapes, part: string): Shapes =>
  Object.fromEntries(Object.entries(shapes).filter(([name]) => !name.includes(part)));

describe("an encoder beside its configuration", () => {
  it("agrees with it", async () => {
    expect(await told(bert)).toEqual([]);
  });

  it("has other rows of positions and kinds of tokens", async () => {
    const { problems } = await healthOf(
      modelOf(bert, { ...config, max_position_embeddings: 128, type_vocab_size: 1 }),
    );
    expect(problems.map(({ message }) => message)).toEqual([
      expect.stringMatching(/max_position_embeddings 128, .*\(6 rows\)/),
      expect.stringMatching(/type_vocab_size 1, .*\(2 rows\)/),
    ]);
  });

  it("lacks its head, or a matrix of one of its two layers", async () => {
    expect(await told(without(bert, "cls."))).toEqual([expect.stringMatching(/^warning: config/)]);
    expect(await told(without(bert, "layer.1.attention.self.key"))).toEqual([
      expect.stringMatching(/^error: Layer 1 has no attention/),
    ]);
  });

  it("lacks its embedding", async () => {
    const tables = without(without(bert, "word_embeddings"), "position");
    expect(await told(tables)).toEqual([
      expect.stringMatching(/^error: The layers of BertForMaskedLM are here/),
    ]);
    expect(await told(tables, { auto_map: {} })).toEqual([]);
  });

  it("counts two positions more where the architecture does", async () => {
    const opt = { architectures: ["OPTForCausalLM"], model_type: "opt", num_hidden_layers: 1 };
    const shapes = (rows: number): Shapes => ({
      "model.decoder.embed_tokens.weight": [10, 4],
      "model.decoder.embed_positions.weight": [rows, 4],
      "model.decoder.layers.0.fc1.weight": [8, 4],
    });
    expect(await told(shapes(8), opt)).toEqual([]);
    expect(await told(shapes(6), opt)).toEqual(["warning: config"]);
  });
});

describe("a model of diffusers beside its configuration", () => {
  const unet: Shapes = {
    "conv_in.weight": [32, 4, 3, 3],
    "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k.weight": [32, 16],
  };
  const settings = { _class_name: "UNet2DConditionModel", in_channels: 4, cross_attention_dim: 16 };
  const wrong = async (changed: object) => {
    const files = modelOf(unet, { ...settings, ...changed });
    const { "model.safetensors": weights, ...others } = files;
    const { problems } = await healthOf({ ...others, "diffusion_pytorch_model.safetensors": weights ?? "" });
    return problems.map(({ severity, message }) => `${severity}: ${message.replace(/:.*/, "")}`);
  };

  it("is of another variant", async () => {
    expect(await wrong({})).toEqual([]);
    expect(await wrong({ in_channels: 9 })).toEqual([
      expect.stringMatching(/^error: .*in_channels 9.*\(4\)/),
    ]);
    expect(await wrong({ cross_attention_dim: 24 })).toEqual([
      expect.stringMatching(/^error: .*cross_attention_dim 24.*\(16\)/),
    ]);
    // What comes in is projected to that width first.
    expect(await wrong({ cross_attention_dim: 24, encoder_hid_dim: 8 })).toEqual([]);
  });
});
