import { expect, it } from "vitest";
import { healthOf, modelOf, type Shapes } from "../../support/healthOf";

/** Names as transformers 5 writes those of LlavaForConditionalGeneration, CLIPModel and Whisper. */
const llava: Shapes = {
  "language_model.model.embed_tokens.weight": [10, 4],
  "language_model.model.norm.weight": [4],
  "multi_modal_projector.linear_1.weight": [4, 4],
  "vision_tower.embeddings.class_embedding": [4],
};
const clip: Shapes = {
  "text_model.embeddings.token_embedding.weight": [10, 4],
  "text_projection.weight": [4, 4],
  "vision_model.embeddings.class_embedding": [4],
  "visual_projection.weight": [4, 4],
};
const whisper: Shapes = {
  "model.encoder.embed_positions.weight": [20, 4],
  "model.encoder.layers.0.fc1.weight": [8, 4],
  "model.decoder.embed_tokens.weight": [10, 4],
  "model.decoder.embed_positions.weight": [6, 4],
  "model.decoder.layers.0.fc1.weight": [8, 4],
};
const without = (shapes: Shapes, part: RegExp): Shapes =>
  Object.fromEntries(Object.entries(shapes).filter(([name]) => !part.test(name)));
const ofWhisper = { model_type: "whisper", max_source_positions: 20, max_target_positions: 6 };

it.each<[string, Shapes, string, object, readonly RegExp[]]>([
  ["Llava", llava, "LlavaForConditionalGeneration", {}, []],
  [
    "Llava's projector",
    without(llava, /projector/),
    "LlavaForConditionalGeneration",
    {},
    [/nothing of its projector/],
  ],
  ["Llava's vision", without(llava, /vision/), "LlavaForConditionalGeneration", {}, [/vision tower/]],
  ["CLIP", clip, "CLIPModel", {}, []],
  ["CLIP's projections", without(clip, /projection/), "CLIPModel", {}, [/of texts/, /of images/]],
  ["Whisper", whisper, "WhisperForConditionalGeneration", ofWhisper, []],
  [
    "Whisper's encoder",
    without(whisper, /encoder/),
    "WhisperForConditionalGeneration",
    ofWhisper,
    [/nothing of its encoder/],
  ],
  [
    "other positions",
    whisper,
    "WhisperForConditionalGeneration",
    { ...ofWhisper, max_source_positions: 1500 },
    [/max_source_positions 1500, .*20 rows/],
  ],
  [
    "a matrix and its mask",
    { ...llava, "vision_tower.proj.weight_orig": [4, 4], "vision_tower.proj.weight_mask": [4, 4] },
    "LlavaForConditionalGeneration",
    {},
    [/proj\.weight is pruned and not made one/],
  ],
])("parts of %s", async (_, shapes, architecture, settings, wanted) => {
  const { problems } = await healthOf(modelOf(shapes, { architectures: [architecture], ...settings }));
  const told = problems.filter(({ code }) => /PartMissing|NamesUnmatched|ConfigDisagrees/.test(code));
  expect(told.map(({ message }) => message)).toEqual(wanted.map((one) => expect.stringMatching(one)));
});
