import { describe, expect, it } from "vitest";
import { placeOfModule, shortModuleName } from "../../../src/core/adapter/moduleName";
import { regionOfChange } from "../../../src/core/compare/modules/changeRegion";
import { moduleGrid } from "../../../src/core/compare/modules/moduleGrid";

describe("placeOfModule", () => {
  it.each([
    ["model.layers.3.self_attn.q_proj", "model.layers.3", [3], "self_attn.q_proj"],
    ["transformer.h.11.attn.c_attn", "transformer.h.11", [11], "attn.c_attn"],
    ["bert.encoder.layer.0.attention.self.query", "bert.encoder.layer.0", [0], "attention.self.query"],
    ["blk.7.attn_q.weight", "blk.7", [7], "attn_q.weight"],
    ["model.layers.2.mlp.experts.17.down_proj", "model.layers.2", [2], "mlp.experts.17.down_proj"],
    [
      "unet.down_blocks.0.attentions.1.transformer_blocks.2.attn1.to_out.0",
      "unet.down_blocks.0.attentions.1.transformer_blocks.2",
      [0, 1, 2],
      "attn1.to_out.0",
    ],
    ["transformer_blocks.4.ff.net.0.proj", "transformer_blocks.4", [4], "ff.net.0.proj"],
    [
      "lora_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_q",
      "lora_unet_input_blocks_4_1_transformer_blocks_0",
      [4, 1, 0],
      "attn1_to_q",
    ],
    ["lora_te1_text_model_encoder_layers_9_mlp_fc1", "lora_te1_text_model_encoder_layers_9", [9], "mlp_fc1"],
    ["net.5.dense", "net.5", [5], "dense"],
    ["model.embed_tokens", "", [], "model.embed_tokens"],
    ["lm_head", "", [], "lm_head"],
    ["model.layers.3", "", [], "model.layers.3"],
  ])("%s", (module, block, indexes, kind) => {
    expect(placeOfModule(module)).toMatchObject({ block, indexes, kind });
  });

  it("gives a name for sentences", () => {
    expect(shortModuleName("model.layers.3.self_attn.q_proj")).toBe("q_proj of layer 3");
    expect(shortModuleName("lm_head")).toBe("lm_head");
  });
});

describe("moduleGrid", () => {
  it("has a row for each layer in order, and one for what has none", () => {
    const modules = ["layers.10.q", "lm_head", "layers.2.q", "layers.2.mlp.q", "layers.10.v"];
    const { rows, columns, cells } = moduleGrid(modules);
    expect(rows.map(({ label, block }) => label || block)).toEqual(["2", "10", ""]);
    expect(columns.map(({ label }) => label)).toEqual(["q", "lm_head", "mlp.q", "v"]);
    expect([...cells]).toEqual([2, -1, 3, -1, 0, -1, -1, 4, -1, 1, -1, -1]);
  });

  it("names rows by their block where there are several stacks", () => {
    const { rows } = moduleGrid(["encoder.layers.0.q", "decoder.layers.0.q", "encoder.layers.1.q"]);
    expect(rows.map(({ label }) => label)).toEqual([
      "encoder.layers.0",
      "encoder.layers.1",
      "decoder.layers.0",
    ]);
  });

  it("takes ten thousand modules in no time", () => {
    const modules = Array.from(
      { length: 10_000 },
      (_, k) => `model.layers.${k >> 4}.mlp.experts.${k & 15}.up_proj`,
    );
    expect(moduleGrid(modules).cells.filter((cell) => cell >= 0)).toHaveLength(10_000);
  });

  it("lists names without any pattern, instead of a grid of their squared number", () => {
    const modules = Array.from({ length: 20_000 }, (_, index) => `blocks.${index}.only_${index}`);
    const { rows, columns, cells } = moduleGrid(modules);
    expect([rows.length, columns.length, cells.length]).toEqual([20_000, 1, 20_000]);
    expect(rows[7]?.label).toBe("blocks.7.only_7");
  });
});

describe("regionOfChange", () => {
  const moves = (square: (kind: string, layer: number) => number) =>
    ["q_proj", "v_proj", "up_proj"].flatMap((kind) =>
      Array.from({ length: 12 }, (_, layer) => ({
        module: `layers.${layer}.${kind}`,
        square: square(kind, layer),
      })),
    );

  it("names kind and layers, layers alone, or a kind alone", () => {
    expect(regionOfChange(moves((kind, layer) => (kind === "v_proj" && layer > 7 ? 10 : 0.1)))).toMatchObject(
      {
        text: expect.stringMatching(/^v_proj of layers \d+–11$/),
      },
    );
    expect(regionOfChange(moves((_, layer) => (layer < 2 ? 5 : 0.1)))?.text).toBe("layers 0–1");
    expect(regionOfChange(moves((kind) => (kind === "q_proj" ? 5 : 0.1)))?.text).toBe("q_proj");
    expect(regionOfChange(moves((_, layer) => (layer === 4 ? 5 : 0.01)))?.text).toBe("layer 4");
  });

  it("keeps silent where the change is everywhere or nowhere", () => {
    expect(regionOfChange(moves(() => 1))).toBeUndefined();
    expect(regionOfChange(moves(() => 0))).toBeUndefined();
    expect(regionOfChange(moves(() => 1).slice(0, 3))).toBeUndefined();
  });
});
