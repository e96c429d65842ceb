import { describe, expect, it } from "vitest";
import { LayerFinder } from "../../../src/core/health/config/layerStacks";
import { Random } from "../../fuzz/mutate";

const starts = [
  ...["model.layers.", "layers.", "model.language_model.layers.", "h.", "transformer.h.", "gpt_neox.layers."],
  ...["bert.encoder.layer.", "encoder.layer.", "encoder.layers.", "decoder.layers.", "model.decoder.layers."],
  ...["encoder.block.", "decoder.block.", "transformer.blocks.", "distilbert.transformer.layer.", "other."],
  "",
];
const ends = [
  "0.mlp.weight",
  "1.mlp.weight",
  "12.mlp.weight",
  "012.w",
  "1",
  "1.",
  "a.w",
  "1a.w",
  ".w",
  "0.layers.1.w",
];

describe("layers that follow each other", () => {
  it("are those that each name has by itself", () => {
    for (let run = 0; run < 200; run++) {
      const random = new Random(run);
      const finder = new LayerFinder();
      const some = [random.of(starts), random.of(starts), random.of(starts)];
      for (let step = 0; step < 30; step++) {
        const name = random.of(some) + random.of(ends);
        expect([name, finder.of(name)]).toEqual([name, new LayerFinder().of(name)]);
      }
    }
  });
});
